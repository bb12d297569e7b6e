"""What a person needs to know who takes a conversation over from the AI agent."""

from collections.abc import Sequence
from typing import Any

import orjson

from protos import campaigns_pb2
from protos import intelligence_pb2 as pb
from protos.messaging_pb2 import ConversationContext
from services.intelligence import (
    agents,
    capabilities,
    classifiers,
    conversations,
    llm,
    recaps,
    sentiment,
    sessions,
    tasks,
    threads,
)
from services.kit.actor import Actor
from services.kit.db import Database, Row
from services.kit.outbox import emit

MESSAGES = 20
WORDS = 150
SESSION = """
    select mode, auto_reply_count, detected_intent, lead_score, conversation_summary, escalated_at,
        escalation_reason, last_ai_response_at
    from ai_agent_sessions where conversation_id = %(conversation)s
"""
REASONS = {
    "keyword_match": "o cliente pediu uma pessoa",
    "customer_request": "o cliente pediu uma pessoa",
    "negative_sentiment": "o cliente está insatisfeito",
    "max_replies": "o limite de respostas automáticas foi atingido",
    "low_confidence": "não há informação suficiente para responder",
    "ai_suggested": "a IA sugeriu uma pessoa",
    "ai_failure": "a IA não conseguiu responder",
    "complexity": "o assunto exige uma pessoa",
    "timeout": "o cliente espera há muito tempo",
    "manual": "um colega pediu",
}
PARTS = ("Situação", "Contexto", "Tentativas", "Motivo", "Próximo passo")
PRIORITIES = ("low", "medium", "high", "urgent")
LANGUAGES = {"en": "inglês", "es": "espanhol"}
FEELINGS = {"positive": "satisfeito", "neutral": "neutro", "negative": "insatisfeito"}


async def prepare(db: Database, actor: Actor, request: pb.PrepareHandoffRequest) -> pb.PrepareHandoffResponse:
    """Nothing is written."""
    context = await conversations.read(request.conversation_id, MESSAGES)
    agent = await agents.current(db, conversations.sector(context))
    async with db.read() as session:
        row = await session.first(SESSION, conversation=request.conversation_id)
        feeling = await session.first(sentiment.CURRENT, conversation=request.conversation_id)
    reason = request.reason or (row.escalation_reason if row else None) or "manual"
    summary, degraded = await written(db, context, row, feeling, reason)
    last = threads.last_customer_message([*context.messages])
    return pb.PrepareHandoffResponse(
        summary=summary,
        detected_intent=row.detected_intent if row else None,
        auto_reply_count=row.auto_reply_count if row else 0,
        max_auto_replies=agent.max_auto_replies,
        matched_keyword=threads.keyword_in(threads.text_of(last), agent.escalation_keywords)
        if last
        else None,
        escalation_after_minutes=agent.escalation_after_minutes,
        session=orjson.dumps(_session(row)).decode(),
        degraded=degraded,
    )


async def write(db: Database, event: campaigns_pb2.EscalationCreated) -> None:
    """The hand-over of an escalation, for whoever takes it. Writing it again replaces it."""
    context = await conversations.read(event.conversation_id, MESSAGES)
    async with db.read() as session:
        row = await session.first(SESSION, conversation=event.conversation_id)
        feeling = await session.first(sentiment.CURRENT, conversation=event.conversation_id)
    summary, _ = await written(db, context, row, feeling, event.reason)
    details = orjson.dumps({"session": _session(row)}).decode()
    priority = PRIORITIES.index(event.priority) if event.priority in PRIORITIES else 1
    async with db.begin() as session:
        await sessions.hand_over(session, event.conversation_id, summary, details, priority)
        await emit(
            session,
            pb.HandoffPrepared(
                conversation_id=event.conversation_id,
                escalation_id=event.escalation_id,
                ai_summary=summary,
                context=details,
                detected_intent=row.detected_intent if row else None,
            ),
        )


async def written(
    db: Database, context: ConversationContext, row: Row | None, feeling: Row | None, reason: str
) -> tuple[str, bool]:
    """The hand-over in words, and whether no model wrote it."""

    async def by_model() -> tuple[str, bool]:
        ask = tasks.ask(
            "handoff",
            tasks.HANDOFF,
            conversations.transcript([*context.messages]),
            temperature=0.3,
            max_tokens=500,
            notes=[f"Motivo da passagem: {REASONS.get(reason, reason)}."],
            conversation_id=context.conversation.id,
        )
        answer = await llm.complete(db, ask)
        text = _shortened(answer.text.strip())
        if not all(f"{part}:" in text for part in PARTS):
            raise llm.AiUnavailable
        return text, False

    async def structured() -> tuple[str, bool]:
        language = await _language(context)
        return _shortened(five_parts(context, row, feeling, reason, language)), True

    return await capabilities.served("handoff", by_model, structured)


def five_parts(
    context: ConversationContext, row: Row | None, feeling: Row | None, reason: str, language: str
) -> str:
    """What is certain, and the customer's own words."""
    worded = conversations.worded(context)
    asked = [one for one in worded if threads.by_customer(one) and recaps.says_something(one)]
    known = [f"escreve em {LANGUAGES[language]}"] if language in LANGUAGES else []
    known += [f"humor {FEELINGS[feeling.sentiment]}"] if feeling else []
    known += [f"intenção {row.detected_intent}"] if row and row.detected_intent else []
    known += [f"pontuação {row.lead_score}"] if row and row.lead_score is not None else []
    ours = [one for one in worded if one.origin == "ai"]
    name = context.contact.name or "O cliente"
    lines = (
        f"Situação: {name} diz “{recaps.quoted(asked[-1])}”." if asked else f"Situação: {name} escreveu.",
        f"Contexto: {'; '.join([*known, *_earlier(asked)]) or 'sem dados adicionais'}.",
        f"Tentativas: {len(ours)} respostas automáticas"
        + (f", a última “{recaps.quoted(ours[-1])}”." if ours else "."),
        f"Motivo: {REASONS.get(reason, reason)}.",
        "Próximo passo: ler a última mensagem e responder.",
    )
    return "\n".join(lines)


async def _language(context: ConversationContext) -> str:
    """That of what the customer wrote last."""
    said = [threads.text_of(one) for one in conversations.worded(context) if threads.by_customer(one)]
    if not said:
        return "pt"
    (shares,) = await classifiers.classify("language", ["\n".join(said[-3:])])
    return max(shares, key=lambda one: shares[one])


def _earlier(asked: Sequence[Any]) -> list[str]:
    return [f"primeiro pedido “{recaps.quoted(asked[0])}”"] if len(asked) > 1 else []


def _shortened(text: str) -> str:
    """At most 150 words, lines kept."""
    left, lines = WORDS, []
    for line in text.splitlines():
        words = line.split()[:left]
        left -= len(words)
        if words:
            lines.append(" ".join(words))
    return "\n".join(lines)


def _session(row: Row | None) -> dict[str, Any]:
    if row is None:
        return {}
    return {
        "mode": row.mode,
        "autoReplyCount": row.auto_reply_count,
        "detectedIntent": row.detected_intent,
        "leadScore": row.lead_score,
        "conversationSummary": row.conversation_summary,
        "escalatedAt": row.escalated_at,
        "escalationReason": row.escalation_reason,
        "lastAiResponseAt": row.last_ai_response_at,
    }
