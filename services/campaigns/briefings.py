"""What is known when a conversation needs a person: gathered from the others, judged by plain rules."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from protos import intelligence_pb2, sales_pb2
from protos import messaging_pb2 as messaging
from services.campaigns import peers
from services.campaigns.escalations import PRIORITIES
from services.kit.clock import now, parse
from services.kit.errors import Refusal
from services.kit.log import log

MESSAGES_READ = 20
DEFAULT_KEYWORDS = ("falar com humano", "atendente", "pessoa real")
DEFAULT_PATIENCE_MINUTES = 30
HOT_LEAD = 80
LEAD_PATIENCE = 3.0
HANDOFF_PATIENCE = 25.0

SYNONYMS = {
    "keyword": "keyword_match",
    "keyword_detected": "keyword_match",
    "sentiment": "negative_sentiment",
    "delayed_response": "timeout",
    "limit": "max_replies",
    "max_replies_reached": "max_replies",
    "request": "customer_request",
    "manual_takeover": "manual",
}
ASKED_FOR_A_PERSON = ("keyword_match", "customer_request")


@dataclass(frozen=True)
class Facts:
    """What the rules look at. What nobody could tell is absent."""

    sentiment: str | None = None
    minutes_unanswered: int | None = None
    keyword: str | None = None
    auto_replies: int = 0
    max_replies: int | None = None
    lead_score: int | None = None
    patience_minutes: int = DEFAULT_PATIENCE_MINUTES
    reason: str | None = None  # what somebody said why


@dataclass(frozen=True)
class Assessment:
    should_escalate: bool
    reasons: list[str]
    suggested_reason: str | None
    priority: str


@dataclass(frozen=True)
class Briefing:
    """Everything that was gathered of one conversation."""

    context: messaging.ConversationContext
    lead: sales_pb2.Lead | None = None
    handoff: intelligence_pb2.PrepareHandoffResponse | None = None
    facts: Facts = field(default_factory=Facts)


def canonical(reason: str) -> str:
    return SYNONYMS.get(reason, reason)


def assess(facts: Facts, base: str = "medium") -> Assessment:
    """Which signals speak for a person, and how urgently."""
    unanswered = facts.minutes_unanswered
    hot = facts.lead_score is not None and facts.lead_score >= HOT_LEAD
    signals = {
        "negative_sentiment": facts.sentiment == "negative",
        "delayed_response": unanswered is not None and unanswered > facts.patience_minutes,
        "keyword_match": facts.keyword is not None,
        "max_replies": facts.max_replies is not None and facts.auto_replies >= facts.max_replies,
    }
    reasons = [name for name, given in signals.items() if given]
    suggested = canonical(facts.reason or (reasons[0] if reasons else "")) or None
    asked = facts.keyword is not None or suggested in ASKED_FOR_A_PERSON
    steps = sum((facts.sentiment == "negative", hot, asked))
    return Assessment(
        should_escalate=bool(reasons),
        reasons=reasons + (["high_value_lead"] if hot and unanswered is not None else []),
        suggested_reason=suggested,
        priority=raised(base, steps),
    )


def raised(priority: str, steps: int) -> str:
    return PRIORITIES[min(PRIORITIES.index(priority) + steps, len(PRIORITIES) - 1)]


def mentioned(text: str, keywords: Sequence[str]) -> str | None:
    """The first of these that the text says, in whole words and whatever its accents."""
    plain = _plain(text)
    return next((word for word in keywords if re.search(rf"\b{re.escape(_plain(word))}\b", plain)), None)


async def gather(
    conversation_id: str, reason: str | None = None, *, message_id: str = "", in_depth: bool = False
) -> Briefing:
    """Messaging must answer; without sales or intelligence we know less, and go on."""
    request = messaging.GetContextRequest(
        conversation_id=conversation_id, message_id=message_id, limit=MESSAGES_READ
    )
    context = await peers.messaging.GetContext(request)
    lead = await _lead(context.conversation.id, context.conversation.contact_id)
    handoff = await _handoff(conversation_id, reason) if in_depth else None
    return Briefing(context, lead, handoff, _facts(context, lead, handoff, reason))


def context_of(briefing: Briefing, priority: str, reason: str | None) -> str:
    """The hand-over's data, as JSON."""
    contact, lead, handoff = briefing.context.contact, briefing.lead, briefing.handoff
    parts: dict[str, Any] = {
        "contact": {"id": contact.id, "name": contact.name, "phoneNumber": contact.phone_number},
        "lead": {"id": lead.id, "name": lead.name, "status": lead.status, "leadScore": lead.lead_score}
        if lead
        else {},
        "sentiment": {"current": briefing.facts.sentiment} if briefing.facts.sentiment else {},
        "session": orjson.loads(handoff.session or "{}") if handoff else {},
        "escalation": {"reason": reason, "priority": priority},
    }
    return orjson.dumps(parts).decode()


def summary_of(briefing: Briefing, assessment: Assessment) -> str:
    """Intelligence's words; without them only what is certain, in its five parts."""
    if briefing.handoff and briefing.handoff.summary:
        return briefing.handoff.summary
    facts, lead = briefing.facts, briefing.lead
    name = briefing.context.contact.name or "O cliente"
    waiting = facts.minutes_unanswered
    known = [f"sentimento {facts.sentiment}"] if facts.sentiment else []
    known += [f"lead {lead.status}, pontuação {lead.lead_score}"] if lead else []
    reasons = ", ".join(assessment.reasons) or assessment.suggested_reason or "nenhum sinal automático"
    return "\n".join(
        (
            f"Situação: {name} "
            + (f"espera resposta há {waiting} min." if waiting is not None else "não espera resposta."),
            f"Contexto: {'; '.join(known) or 'sem dados adicionais'}.",
            f"Tentativas: {facts.auto_replies} respostas automáticas.",
            f"Motivo: {reasons}.",
            "Próximo passo: ler a conversa e responder.",
        )
    )


def _facts(
    context: messaging.ConversationContext,
    lead: sales_pb2.Lead | None,
    handoff: intelligence_pb2.PrepareHandoffResponse | None,
    reason: str | None,
) -> Facts:
    inbound = [message.content for message in context.messages if not message.is_from_me]
    keyword = mentioned(inbound[-1], DEFAULT_KEYWORDS) if inbound else None
    if handoff:
        keyword = handoff.matched_keyword or None
    return Facts(
        sentiment=context.conversation.current_sentiment or None,
        minutes_unanswered=_minutes_since(context.unanswered_since),
        keyword=keyword,
        auto_replies=handoff.auto_reply_count if handoff else 0,
        max_replies=(handoff.max_auto_replies or None) if handoff else None,
        lead_score=lead.lead_score if lead else None,
        patience_minutes=(handoff.escalation_after_minutes if handoff else 0) or DEFAULT_PATIENCE_MINUTES,
        reason=reason,
    )


def _minutes_since(moment: str) -> int | None:
    return max(0, int((now() - parse(moment)).total_seconds() // 60)) if moment else None


async def _lead(conversation_id: str, contact_id: str) -> sales_pb2.Lead | None:
    request = sales_pb2.FindLeadRequest(conversation_id=conversation_id, contact_id=contact_id)
    try:
        with peers.in_our_own_name():
            reply = await peers.sales.FindLead(request, timeout=LEAD_PATIENCE)
    except Refusal as refusal:
        log.warning("lead_not_known", conversation_id=conversation_id, error=type(refusal).__name__)
        return None
    return reply.lead if reply.HasField("lead") else None


async def _handoff(
    conversation_id: str, reason: str | None
) -> intelligence_pb2.PrepareHandoffResponse | None:
    request = intelligence_pb2.PrepareHandoffRequest(conversation_id=conversation_id, reason=reason)
    try:
        with peers.in_our_own_name():
            return await peers.intelligence.PrepareHandoff(request, timeout=HANDOFF_PATIENCE)
    except Refusal as refusal:
        log.warning("handoff_not_written", conversation_id=conversation_id, error=type(refusal).__name__)
        return None


def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))
