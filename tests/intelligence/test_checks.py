"""What is decided before, and instead of, an answer."""

from datetime import timedelta
from typing import Any

import pytest

from protos import intelligence_pb2 as pb
from protos import messaging_pb2
from services.intelligence import agents, capabilities, llm, replies, sentiment, sessions
from services.intelligence.settings import IntelligenceSettings
from services.kit.clock import now, rfc3339
from services.kit.db import Database
from tests.fakes.groq import Groq
from tests.intelligence.builders import actions, announced, configure, knows, open_chat, reply
from tests.intelligence.desk import Desk
from tests.support import MARIA

QUESTION = "Qual o horário de atendimento?"
HOURS = "Atendemos de segunda a sexta, das 8h às 18h."


async def test_the_agent_can_be_switched_off(db: Database, desk: Desk) -> None:
    chat = await open_chat(db, desk)
    await configure(db, chat, is_enabled=False)

    await replies.answer(db, chat.says("Quero falar com humano"))

    assert await actions(db, chat) == [("skipped", "agent_disabled")]


async def test_outside_working_hours_the_message_goes_out_once(db: Database, desk: Desk) -> None:
    chat = await open_chat(db, desk)
    await configure(db, chat, working_days=[], out_of_hours_message="Voltamos amanhã às 8h.")

    await replies.answer(db, chat.says(QUESTION))
    await replies.answer(db, chat.says("Alô?"))

    assert chat.heard == ["Voltamos amanhã às 8h."]


async def test_what_was_written_hours_ago_is_left_to_people(
    db: Database, databases: dict[str, Database], desk: Desk
) -> None:
    chat = await open_chat(db, desk)
    await knows(databases, chat, QUESTION, HOURS)
    late = chat.says(QUESTION)
    late.timestamp = rfc3339(now() - replies.ANSWERED_WITHIN - timedelta(minutes=1))

    await replies.answer(db, late)
    silence = [*chat.heard]
    recent = chat.says(QUESTION)
    recent.timestamp = rfc3339(now() - replies.ANSWERED_WITHIN + timedelta(minutes=1))
    await replies.answer(db, recent)

    assert silence == []
    assert (await actions(db, chat))[0] == ("skipped", "too_old")
    assert chat.heard == [HOURS]


async def test_after_enough_answers_in_a_row_a_person_is_called(
    db: Database, databases: dict[str, Database], desk: Desk
) -> None:
    chat = await open_chat(db, desk)
    await configure(db, chat, max_auto_replies=2)
    await knows(databases, chat, QUESTION, HOURS)

    for _ in range(3):
        await replies.answer(db, chat.says(QUESTION))

    assert chat.heard[:2] == [HOURS, HOURS]
    assert (await actions(db, chat))[-1] == ("escalated", "max_replies")


async def test_a_person_who_writes_resets_the_count(
    db: Database, databases: dict[str, Database], desk: Desk
) -> None:
    chat = await open_chat(db, desk)
    await configure(db, chat, max_auto_replies=1)
    await knows(databases, chat, QUESTION, HOURS)
    await replies.answer(db, chat.says(QUESTION))

    chat.hears("Posso ajudar em mais alguma coisa?")
    async with db.begin() as session:
        await sessions.reset_count(
            session, messaging_pb2.MessageSent(conversation_id=chat.id, origin="human")
        )
    await replies.answer(db, chat.says(QUESTION))

    assert chat.heard == [HOURS, HOURS]


async def test_after_an_escalation_the_agent_is_silent_until_it_gets_the_conversation_back(
    db: Database, databases: dict[str, Database], desk: Desk
) -> None:
    chat = await open_chat(db, desk)
    await knows(databases, chat, QUESTION, HOURS)
    await replies.answer(db, chat.says("Quero falar com humano"))

    await replies.answer(db, chat.says(QUESTION))
    silent = list(chat.heard)
    async with db.begin() as session:
        await sessions.follow_mode(
            session,
            messaging_pb2.ConversationModeChanged(conversation_id=chat.id, old_mode="human", mode="ai"),
        )
    await replies.answer(db, chat.says(QUESTION))

    assert len(silent) == 1
    assert chat.heard[1:] == [HOURS]


async def test_off_means_that_nobody_answers(db: Database, desk: Desk) -> None:
    chat = await open_chat(db, desk)
    llm.open_provider(IntelligenceSettings(ai_provider="off"))

    await replies.answer(db, chat.says(QUESTION))

    assert await actions(db, chat) == [("skipped", "agent_disabled")]


async def test_a_word_for_a_person_in_the_burst_is_not_lost(db: Database, desk: Desk) -> None:
    chat = await open_chat(db, desk)
    events = [chat.says("Quero um ATENDENTE"), chat.says("por favor")]

    for event in events:
        await replies.answer(db, event)

    assert await actions(db, chat) == [("escalated", "keyword_match")]


async def test_a_frustrated_customer_gets_a_person_and_not_again_once_given_back(
    db: Database, groq: Groq, desk: Desk
) -> None:
    chat = await open_chat(db, desk)
    event = [chat.says(text) for text in ("Demora demais", "Cansei de esperar", "E aí?")][-1]
    groq.always = {"sentiment": "negative", "confidence": 0.9, "summary": "", "reasoning": ""}
    await sentiment.analyze(db, MARIA, pb.AnalyzeSentimentRequest(conversation_id=chat.id))
    groq.always = reply("Claro, posso ajudar!")

    await replies.answer(db, event)
    async with db.begin() as session:
        given_back = messaging_pb2.ConversationModeChanged(conversation_id=chat.id, mode="ai")
        await sessions.follow_mode(session, given_back)
    await replies.answer(db, chat.says("Qual o endereço?"))

    assert await actions(db, chat) == [("escalated", "negative_sentiment"), ("response_sent", None)]


async def test_who_insists_on_a_forbidden_topic_gets_a_person(db: Database, groq: Groq, desk: Desk) -> None:
    chat = await open_chat(db, desk)
    await configure(db, chat, forbidden_topics=["política"])
    groq.always = reply("Sobre isso não falo, mas posso ajudar com pedidos.")

    await replies.answer(db, chat.says("O que acha de política?"))
    await replies.answer(db, chat.says("Mas fala de POLITICA"))

    assert await actions(db, chat) == [("response_sent", None), ("escalated", "complexity")]


async def test_without_automatic_replies_there_are_drafts_only(db: Database, groq: Groq, desk: Desk) -> None:
    chat = await open_chat(db, desk)
    await configure(db, chat, auto_reply_enabled=False)
    groq.always = reply("Olá!")

    await replies.answer(db, chat.says("Oi, tudo bem?"))

    assert chat.heard == []
    assert await actions(db, chat) == [("draft_created", None)]


async def test_who_wants_to_meet_is_passed_to_the_calendar(db: Database, desk: Desk) -> None:
    chat = await open_chat(db, desk)

    await replies.answer(db, chat.says("Quero marcar uma reunião amanhã de tarde"))

    assert chat.heard == []
    assert await announced(db, chat.id) == ["scheduling_intent_detected"]


async def test_what_was_spoken_is_answered_once_it_is_written_down(
    db: Database, databases: dict[str, Database], desk: Desk
) -> None:
    chat = await open_chat(db, desk)
    await knows(databases, chat, QUESTION, HOURS)

    await replies.answer(db, chat.says("", kind="audio", transcription="Qual é o horário de atendimento?"))

    assert chat.heard == [HOURS]


async def test_a_file_without_words_is_asked_about(db: Database, desk: Desk) -> None:
    chat = await open_chat(db, desk)

    await replies.answer(db, chat.says("", kind="image"))

    assert "escrever em texto" in chat.heard[0]


async def test_a_new_customer_who_greets_is_welcomed_without_a_model(db: Database, desk: Desk) -> None:
    chat = await open_chat(db, desk)
    await configure(db, chat, welcome_message="Olá! Em que posso ajudar?")

    await replies.answer(db, chat.says("Bom dia!"))

    assert chat.heard == ["Olá! Em que posso ajudar?"]


async def test_knowledge_that_is_not_asked_has_no_gap(db: Database, desk: Desk) -> None:
    chat = await open_chat(db, desk)
    await configure(db, chat, knowledge_base_enabled=False)

    await replies.answer(db, chat.says("Vocês entregam em Manaus?"))

    assert await announced(db, chat.id) == ["escalation_requested"]


async def test_who_lets_the_agent_answer_is_told_which_escalation_it_asks_for(
    db: Database, desk: Desk
) -> None:
    chat = await open_chat(db, desk)
    chat.says("Quero falar com um atendente")

    told = await replies.respond(db, MARIA, pb.RespondRequest(conversation_id=chat.id, send=True))

    async with db.read() as session:
        body = await session.scalar(
            "select body from outbox where key = %(id)s and type like '%%EscalationRequested'", id=chat.id
        )
    assert told.escalation_id
    assert pb.EscalationRequested.FromString(body).escalation_id == told.escalation_id


async def test_a_question_without_an_answer_is_counted_as_a_gap_without_personal_data(
    db: Database, desk: Desk
) -> None:
    chat = await open_chat(db, desk)

    await replies.answer(db, chat.says("Vocês entregam em Manaus? Meu e-mail é ana@exemplo.com.br"))

    async with db.read() as session:
        body = await session.scalar(
            "select body from outbox where key = %(id)s and type like '%%KnowledgeGapDetected'", id=chat.id
        )
    gap = pb.KnowledgeGapDetected.FromString(body)
    assert gap.question == "Vocês entregam em Manaus? Meu e-mail é [e-mail]"


@pytest.mark.parametrize(
    ("said", "settings"),
    [
        ({"shouldEscalate": True, "escalationReason": "ai_suggested"}, {}),
        ({}, {"escalate_on_low_confidence": False}),
    ],
)
async def test_a_question_that_a_model_cannot_answer_is_a_gap_whatever_it_does_then(
    db: Database, groq: Groq, desk: Desk, said: dict[str, Any], settings: dict[str, Any]
) -> None:
    chat = await open_chat(db, desk)
    await configure(db, chat, **settings)
    groq.always = reply("Não sei dizer.", confidence=0.2, **said)

    await replies.answer(db, chat.says("Vocês entregam em Manaus?"))

    assert "knowledge_gap_detected" in await announced(db, chat.id)


async def test_the_configuration_is_laid_over_the_projects_and_the_defaults(db: Database, desk: Desk) -> None:
    desk.config["ai_agent"] = {"agentName": "Bia", "maxAutoReplies": 3, "nonsense": 1}
    chat = await open_chat(db, desk)
    await configure(db, chat, max_auto_replies=7)
    agents.forget()

    agent = await agents.current(db, chat.sector_id)

    assert (agent.agent_name, agent.max_auto_replies, agent.confidence_threshold) == ("Bia", 7, 0.6)


async def test_the_status_says_who_serves_what_and_how_to_mend_the_rest(db: Database, desk: Desk) -> None:
    told = await capabilities.status(db, MARIA, pb.GetStatusRequest())

    by_name = {one.name: one for one in told.capabilities}
    assert (told.provider, by_name["sentiment"].available, by_name["compose"].available) == (
        "local",
        True,
        False,
    )
    assert "GROQ_API_KEY" in by_name["compose"].mend
