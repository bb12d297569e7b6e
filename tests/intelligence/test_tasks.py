"""What the AI does beside answering: feelings, topics, summaries, suggestions, compositions, hand-overs."""

from typing import Any

import pytest

from protos import campaigns_pb2, messaging_pb2
from protos import intelligence_pb2 as pb
from services.intelligence import (
    bant,
    categories,
    compositions,
    handoffs,
    replies,
    sentiment,
    suggestions,
    summaries,
)
from services.kit.db import Database
from services.kit.tables import new_id
from tests.fakes.groq import Groq
from tests.intelligence.builders import announced, configure, knows, reply
from tests.intelligence.desk import Chat, Desk
from tests.support import INTELLIGENCE, JOAO, MARIA

ANGRY = (
    "Péssimo atendimento",
    "Quero meu dinheiro de volta",
    "Isso é um absurdo",
    "Ninguém resolve",
    "Chega",
)
PLEASED = ("Adorei, muito obrigada!", "Vocês são ótimos", "Chegou perfeito, parabéns")


def chat_of(desk: Desk, *texts: str, **given: Any) -> Chat:
    chat = desk.chat(**given)
    for text in texts:
        chat.says(text)
    return chat


async def feel(db: Database, chat: Chat) -> pb.AnalyzeSentimentResponse:
    return await sentiment.analyze(db, MARIA, pb.AnalyzeSentimentRequest(conversation_id=chat.id))


async def file(db: Database, chat: Chat, **by_hand: str) -> pb.CategorizeConversationResponse:
    request = pb.CategorizeConversationRequest(id=chat.id, **by_hand)
    return await categories.categorize(db, MARIA, request)


async def suggest(db: Database, chat: Chat) -> pb.SuggestRepliesResponse:
    return await suggestions.suggest(db, MARIA, pb.SuggestRepliesRequest(conversation_id=chat.id))


async def rows(db: Database, table: str, chat: Chat) -> list[Any]:
    async with db.read() as session:
        return await session.all(
            f"select * from {table} where conversation_id = %(id)s order by created_at", id=chat.id
        )


async def test_two_messages_are_too_few_for_a_feeling(db: Database, desk: Desk) -> None:
    shown = await feel(db, chat_of(desk, "Oi", "Tudo bem?"))

    assert (shown.success, shown.code, shown.messages_found) == (False, "insufficient_messages", 2)


async def test_files_do_not_hide_what_was_said_before_them(db: Database, desk: Desk) -> None:
    chat = chat_of(desk, *ANGRY)
    for _ in range(sentiment.MESSAGES):
        chat.says("", kind="image")

    shown = await feel(db, chat)

    assert (shown.analysis.sentiment, shown.analysis.messages_analyzed) == ("negative", len(ANGRY))


async def test_a_feeling_is_current_once_and_kept_as_history_each_time(db: Database, desk: Desk) -> None:
    chat = chat_of(desk, *ANGRY)
    first = await feel(db, chat)
    for text in PLEASED * 3:
        chat.says(text)

    second = await feel(db, chat)

    assert (first.analysis.sentiment, second.analysis.sentiment) == ("negative", "positive")
    assert first.analysis.id == second.analysis.id
    assert [row.sentiment for row in await rows(db, "sentiment_history", chat)] == ["negative", "positive"]
    assert await announced(db, chat.id) == ["sentiment_analyzed"] * 2


async def test_every_fifth_message_is_felt_and_filed_by_itself(db: Database, desk: Desk) -> None:
    chat = desk.chat()
    for text in ANGRY * 2:
        event = chat.says(text)
        await sentiment.follow(db, event)
        await categories.follow(db, event)

    assert len(await rows(db, "sentiment_history", chat)) == 2
    assert len(await rows(db, "topics_history", chat)) == 2


async def test_what_a_person_filed_is_not_filed_again_by_itself(db: Database, desk: Desk) -> None:
    chat = chat_of(desk, "Quero a segunda via do boleto")
    shown = await file(db, chat, category="Financeiro", subcategory="boletos")

    for text in ("Meu boleto venceu",) * 6:
        await categories.follow(db, chat.says(text))

    assert (shown.source, shown.confidence, shown.subcategory) == ("manual", 1.0, "boletos")
    assert [row.source for row in await rows(db, "topics_history", chat)] == ["manual"]


async def test_the_topic_comes_with_its_group(db: Database, desk: Desk) -> None:
    shown = await file(db, chat_of(desk, "Oi", "Preciso da segunda via do boleto que venceu ontem"))

    assert (shown.category, shown.subcategory, shown.source) == ("Comercial", "cobranca", "ai")
    assert shown.degraded


async def test_a_topic_that_a_model_invents_becomes_a_custom_one(
    db: Database, groq: Groq, desk: Desk
) -> None:
    groq.always = {
        "primaryTopic": "astrologia",
        "secondaryTopics": ["vendas", "tarot"],
        "customTopic": None,
        "reasoning": "",
    }

    shown = await file(db, chat_of(desk, "Qual meu signo?"))

    assert (shown.primary_topic, shown.custom_topic, [*shown.secondary_topics]) == (
        "geral",
        "astrologia",
        ["vendas"],
    )
    assert shown.confidence == pytest.approx(0.8)


async def test_files_alone_have_no_topic_and_no_summary(db: Database, desk: Desk) -> None:
    chat = desk.chat()
    chat.says("", kind="image")

    filed = await file(db, chat)
    summary = await summaries.summarize(db, MARIA, pb.SummarizeConversationRequest(id=chat.id))

    assert (filed.success, filed.code) == (False, "no_messages")
    assert (summary.success, summary.code) == (False, "no_messages")


async def test_every_summary_is_kept(db: Database, groq: Groq, desk: Desk) -> None:
    chat = chat_of(desk, "Preciso trocar a blusa", "Ficou grande")
    groq.always = {
        "summary": " ".join(["palavra"] * 300),
        "keyPoints": [f"ponto {n}" for n in range(9)],
        "actionItems": ["trocar"] * 9,
        "sentiment": "neutral",
    }

    for _ in range(2):
        shown = await summaries.summarize(db, MARIA, pb.SummarizeConversationRequest(id=chat.id))

    assert (len(shown.summary.split()), len(shown.key_points), len(shown.action_items)) == (200, 5, 3)
    assert (shown.degraded, shown.messages_count) == (False, 2)
    assert len(await rows(db, "conversation_summaries", chat)) == 2


async def test_nothing_is_suggested_before_a_customer_has_written(db: Database, desk: Desk) -> None:
    chat = desk.chat()
    chat.hears("Olá!")

    shown = await suggest(db, chat)

    assert (shown.success, len(shown.suggestions)) == (True, 0)


async def test_suggestions_are_asked_for_once_for_the_same_last_message(
    db: Database, groq: Groq, desk: Desk
) -> None:
    chat = chat_of(desk, "Vocês têm estoque?")
    groq.always = {"suggestions": [{"text": "Vou verificar para você.", "tone": "formal"}]}

    first, again = await suggest(db, chat), await suggest(db, chat)
    chat.says("Alô?")
    await suggest(db, chat)

    assert [one.text for one in first.suggestions] == [one.text for one in again.suggestions]
    assert [one.tone for one in first.suggestions] == ["formal", "friendly", "direct"]
    assert len(groq.calls) == 2


async def test_the_approved_entry_is_suggested_without_a_model(
    db: Database, databases: dict[str, Database], desk: Desk
) -> None:
    chat = chat_of(desk, "Qual é o horário de atendimento?")
    await knows(databases, chat, "Qual o horário de atendimento?", "Das 8h às 18h.")

    shown = await suggest(db, chat)

    assert "Das 8h às 18h." in [one.text for one in shown.suggestions]
    assert (shown.fallback, shown.degraded) == (False, True)


async def test_rewriting_wins_over_composing_and_the_text_comes_bare(
    db: Database, groq: Groq, desk: Desk
) -> None:
    groq.always = '```\n"Prezada cliente, seu pedido saiu."\n```'
    request = pb.ComposeMessageRequest(message="pedido saiu", action="formal", intent="outra coisa")

    shown = await compositions.compose(db, MARIA, request)

    assert (shown.message, shown.composed) == ("Prezada cliente, seu pedido saiu.",) * 2
    assert (shown.action, shown.original) == ("formal", "pedido saiu")
    with pytest.raises(compositions.NothingToCompose):
        await compositions.compose(db, MARIA, pb.ComposeMessageRequest(message="sem ação"))


async def test_my_tone_is_mine_and_no_colleagues(db: Database, groq: Groq, desk: Desk) -> None:
    groq.always = "Oie, já te respondo!"
    async with db.begin() as session:
        for person, text in ((MARIA, "*Maria*: Oie, tudo jóia?"), (JOAO, "*João*: Prezado senhor")):
            await compositions.keep_sample(
                session,
                messaging_pb2.MessageSent(
                    message_id=new_id(),
                    origin="human",
                    message_type="text",
                    sent_by=person.id,
                    content=text,
                ),
            )

    await compositions.compose(db, MARIA, pb.ComposeMessageRequest(message="aguarde", action="my_tone"))

    assert "Oie, tudo jóia?" in groq.prompts[0]
    assert "Prezado senhor" not in groq.prompts[0]


async def test_a_denial_is_no_budget_and_every_finding_quotes_the_customer(db: Database, desk: Desk) -> None:
    said = ("Não temos verba este ano", "Preciso muito de um sistema novo")
    messages = [pb.BantMessage(id=str(n), text=text, from_customer=True) for n, text in enumerate(said)]

    found = await bant.analyze(db, INTELLIGENCE, pb.AnalyzeBantRequest(messages=messages))

    assert (found.budget.detected, found.need.detected) == (False, True)
    assert [(one.message_id, one.quote) for one in found.need.evidence] == [("1", said[1])]


async def test_a_finding_of_a_model_without_evidence_is_none(db: Database, groq: Groq, desk: Desk) -> None:
    finding = {"detected": True, "confidence": 0.9, "evidence": []}
    groq.always = {
        "budget": finding | {"estimatedValue": 5000},
        "authority": finding | {"role": "CEO", "isDecisionMaker": True},
        "need": finding | {"painPoints": [], "urgency": "enorme"},
        "timeline": finding | {"timeframe": "ontem"},
        "overallIntent": "purchase",
        "recommendedAction": "qualify",
        "suggestedValue": 5000,
        "reasoning": "",
    }

    found = await bant.analyze(
        db, INTELLIGENCE, pb.AnalyzeBantRequest(messages=[pb.BantMessage(id="1", text="Oi")])
    )

    assert not any((found.budget.detected, found.authority.detected, found.need.detected))
    assert (found.need.urgency, found.timeline.timeframe) == ("medium", "indefinite")


async def test_the_hand_over_says_what_is_certain_in_five_parts(db: Database, desk: Desk) -> None:
    chat = chat_of(desk, "My order arrived broken", "I want my money back, please")

    shown = await handoffs.prepare(
        db, INTELLIGENCE, pb.PrepareHandoffRequest(conversation_id=chat.id, reason="customer_request")
    )

    assert "I want my money back" in shown.summary
    assert "escreve em inglês" in shown.summary
    assert "Motivo: o cliente pediu uma pessoa." in shown.summary


async def test_an_escalation_gets_its_hand_over_however_often_it_is_told(
    db: Database, databases: dict[str, Database], desk: Desk
) -> None:
    chat = desk.chat()
    await configure(db, chat)
    await replies.answer(db, chat.says("Quero falar com um atendente"))
    event = campaigns_pb2.EscalationCreated(
        escalation_id=new_id(), conversation_id=chat.id, reason="keyword_match", priority="high"
    )

    await handoffs.write(db, event)
    await handoffs.write(db, event)

    (row,) = await rows(db, "ai_agent_sessions", chat)
    assert "atendente" in row.handoff_summary
    assert row.escalation_priority == 2


async def test_a_source_is_named_even_where_the_model_forgets_it(
    db: Database, databases: dict[str, Database], groq: Groq, desk: Desk
) -> None:
    chat = desk.chat()
    await configure(db, chat)
    price = await knows(databases, chat, "Quanto custa o banho?", "O banho custa R$ 60.")
    await knows(databases, chat, "Vocês atendem gatos?", "Sim, com hora marcada.")
    groq.always = reply("O banho sai por R$ 60,00!")

    await replies.answer(db, chat.says("Quanto custa o banho do meu cachorro?"))

    (log,) = await rows(db, "ai_agent_logs", chat)
    assert chat.heard == ["O banho sai por R$ 60,00!"]
    assert log.knowledge_ids == [price]
    assert "knowledge_used" in await announced(db, chat.id)
