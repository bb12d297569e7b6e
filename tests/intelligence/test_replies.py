"""The AI agent answers, hands over, or stays silent."""

from datetime import timedelta

import pytest

from services.intelligence import agents, replies, turns
from services.kit.clock import now, rfc3339
from services.kit.db import Database
from services.kit.errors import Unavailable
from tests.fakes.groq import Groq
from tests.intelligence.builders import actions, announced, knows, open_chat, reply
from tests.intelligence.desk import Desk

QUESTION = "Qual o horário de atendimento?"
HOURS = "Atendemos de segunda a sexta, das 8h às 18h."


async def test_without_a_key_the_approved_entry_is_sent_word_for_word(
    db: Database, databases: dict[str, Database], desk: Desk
) -> None:
    chat = await open_chat(db, desk)
    await knows(databases, chat, QUESTION, HOURS)

    await replies.answer(db, chat.says("Oi, qual é o horário de atendimento?"))

    assert chat.heard == [HOURS]
    assert await announced(db, chat.id) == ["response_generated", "response_sent", "knowledge_used"]
    assert await actions(db, chat) == [("response_sent", None)]


async def test_without_an_entry_that_answers_a_person_is_called(db: Database, desk: Desk) -> None:
    chat = await open_chat(db, desk)

    await replies.answer(db, chat.says("Vocês entregam em Manaus?"))

    assert chat.heard == [agents.DEFAULTS["handoff_message"]]
    assert await announced(db, chat.id) == ["knowledge_gap_detected", "escalation_requested"]
    assert await actions(db, chat) == [("escalated", "low_confidence")]


async def test_what_was_learned_is_not_sent_before_somebody_verified_it(
    db: Database, databases: dict[str, Database], desk: Desk
) -> None:
    chat = await open_chat(db, desk)
    await knows(databases, chat, QUESTION, HOURS, source="learned")

    await replies.answer(db, chat.says(QUESTION))

    assert HOURS not in chat.heard


async def test_the_same_event_again_sends_nothing_more(
    db: Database, databases: dict[str, Database], desk: Desk
) -> None:
    chat = await open_chat(db, desk)
    await knows(databases, chat, QUESTION, HOURS)
    event = chat.says(QUESTION)

    await replies.answer(db, event)
    await replies.answer(db, event)

    assert chat.heard == [HOURS]
    assert await announced(db, chat.id) == ["response_generated", "response_sent", "knowledge_used"]


async def test_of_a_burst_only_the_last_message_is_answered(
    db: Database, databases: dict[str, Database], desk: Desk
) -> None:
    chat = await open_chat(db, desk)
    await knows(databases, chat, QUESTION, HOURS)
    events = [chat.says("Oi"), chat.says("Qual o horário"), chat.says("de atendimento?")]

    for event in events:
        await replies.answer(db, event)

    assert chat.heard == [HOURS]


async def test_of_a_flood_the_last_message_is_answered_and_the_first_are_let_go(
    db: Database, databases: dict[str, Database], desk: Desk
) -> None:
    chat = await open_chat(db, desk)
    await knows(databases, chat, QUESTION, HOURS)
    events = [*(chat.says("Oi") for _ in range(turns.HISTORY)), chat.says(QUESTION)]

    for event in events:
        await replies.answer(db, event)

    assert chat.heard == [HOURS]


async def test_what_the_customer_deleted_is_not_answered(db: Database, desk: Desk) -> None:
    chat = await open_chat(db, desk)
    event = chat.says(QUESTION)
    chat.messages.clear()

    await replies.answer(db, event)

    assert await actions(db, chat) == []


async def test_nobody_answers_a_conversation_that_is_answered(db: Database, desk: Desk) -> None:
    chat = await open_chat(db, desk)
    event = chat.says(QUESTION)
    chat.hears("Já respondo!")

    await replies.answer(db, event)

    assert chat.heard == []
    assert await actions(db, chat) == [("skipped", "already_answered")]


async def test_a_message_that_was_long_on_its_way_is_not_answered_by_what_left_before_it_came(
    db: Database, databases: dict[str, Database], desk: Desk
) -> None:
    chat = await open_chat(db, desk)
    await knows(databases, chat, QUESTION, HOURS)
    chat.says("Oi")
    chat.hears("Olá! Como posso ajudar?", origin="ai")
    late = chat.says(QUESTION)
    chat.messages[-1].created_at = rfc3339(now() + timedelta(seconds=1))
    chat.messages.insert(1, chat.messages.pop())  # written before the answer to the first

    await replies.answer(db, late)

    assert chat.heard[-1] == HOURS


async def test_hybrid_mode_proposes_and_sends_nothing(
    db: Database, databases: dict[str, Database], desk: Desk
) -> None:
    chat = await open_chat(db, desk, mode="hybrid")
    await knows(databases, chat, QUESTION, HOURS)

    await replies.answer(db, chat.says(QUESTION))
    await replies.answer(db, chat.says("Quero falar com uma pessoa real"))

    assert chat.heard == []
    assert await announced(db, chat.id) == ["response_generated", "escalation_requested"]


async def test_what_was_decided_before_a_failure_is_finished_with_the_same_words(
    db: Database, groq: Groq, desk: Desk
) -> None:
    chat = await open_chat(db, desk)
    groq.always = reply("Primeira resposta.")
    event = chat.says(QUESTION)
    desk.loses_answers = True
    with pytest.raises(Unavailable):
        await replies.answer(db, event)

    desk.loses_answers = False
    groq.always = reply("Outra resposta.")
    await replies.answer(db, event)

    assert chat.heard == ["Primeira resposta."]
    assert await actions(db, chat) == [("response_sent", None)]


async def test_a_message_that_cannot_be_delivered_brings_a_person(
    db: Database, databases: dict[str, Database], desk: Desk
) -> None:
    chat = await open_chat(db, desk)
    await knows(databases, chat, QUESTION, HOURS)
    desk.status = "failed"

    await replies.answer(db, chat.says(QUESTION))

    assert await actions(db, chat) == [("error", "not_delivered"), ("escalated", "ai_failure")]


async def test_who_takes_the_turn_while_the_agent_writes_keeps_it(
    db: Database, groq: Groq, desk: Desk
) -> None:
    chat = await open_chat(db, desk)
    event = chat.says(QUESTION)
    turn = await turns.load(db, chat.id, event.message_id)
    chat.hears("Oi, sou a Maria.")
    groq.always = reply("Resposta tardia.")

    outcome = await replies.execute(db, turn)

    assert (outcome.skipped, outcome.reason) == (True, "already_answered")
    assert chat.heard == []
    assert await actions(db, chat) == [("skipped", "already_answered")]


async def test_the_answer_waits_for_the_burst_to_end(
    db: Database, databases: dict[str, Database], desk: Desk
) -> None:
    chat = await open_chat(db, desk)
    await knows(databases, chat, QUESTION, HOURS)
    event = chat.says(QUESTION)
    event.received_at = rfc3339(now() + timedelta(seconds=0.4))
    started = now()

    await replies.answer(db, event)

    assert now() - started >= timedelta(seconds=0.35)


async def test_the_model_answers_with_what_the_company_knows(
    db: Database, databases: dict[str, Database], groq: Groq, desk: Desk
) -> None:
    chat = await open_chat(db, desk)
    entry = await knows(databases, chat, QUESTION, HOURS)
    groq.always = reply("Atendemos das 8h às 18h, Ana! 😊", usedKnowledgeIds=[entry])

    await replies.answer(db, chat.says(QUESTION))

    assert chat.heard == ["Atendemos das 8h às 18h, Ana! 😊"]
    assert HOURS in groq.prompts[0]
    assert groq.calls[0]["model"] == "llama-3.3-70b-versatile"


async def test_a_model_that_is_unsure_brings_a_person(db: Database, groq: Groq, desk: Desk) -> None:
    chat = await open_chat(db, desk)
    groq.always = reply("Acho que sim.", confidence=0.2)

    await replies.answer(db, chat.says("Tem estoque?"))

    assert await actions(db, chat) == [("escalated", "low_confidence")]
