"""An answer before it is sent: a model's words, or an approved entry of the knowledge base as it stands."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from protos import intelligence_pb2 as pb
from protos.knowledge_pb2 import Entry, Hit, SearchRequest, SearchResponse
from services.intelligence import llm, outputs, peers, prompts
from services.intelligence.providers import Ask
from services.intelligence.turns import Turn
from services.kit.db import Row
from services.kit.errors import Refusal
from services.kit.log import log

FACTS = 5
RETRIEVED_CONFIDENCE = 0.9


@dataclass(frozen=True)
class Draft:
    """`escalation` is why a person should take over instead; `failure` why no model wrote it."""

    text: str
    confidence: float
    intent: str | None = None
    escalation: str | None = None
    used: list[pb.UsedKnowledge] = field(default_factory=list)
    provider: str = "local"
    model: str | None = None
    degraded: bool = False
    tokens: int = 0
    wants_meeting: bool = False
    failure: Refusal | None = None


async def write(turn: Turn) -> Draft:
    facts = await find(turn)
    if not llm.is_configured():
        return from_knowledge(facts, None)
    try:
        return await from_model(turn, facts.hits)
    except Refusal as refusal:
        log.warning("reply_degraded", code=refusal.name, conversation_id=turn.conversation_id)
        return from_knowledge(facts, refusal)


async def find(turn: Turn) -> SearchResponse:
    """What the knowledge base says; nothing when it is away."""
    if not turn.agent.knowledge_base_enabled:
        return SearchResponse()
    conversation = turn.thread.conversation
    request = SearchRequest(
        query=turn.question,
        limit=FACTS,
        sector_id=conversation.sector_id if conversation.HasField("sector_id") else None,
    )
    try:
        return await peers.knowledge.Search(request, timeout=3.0)
    except Refusal as refusal:
        log.warning("knowledge_unavailable", code=refusal.name)
        return SearchResponse()


async def from_model(turn: Turn, facts: Sequence[Hit]) -> Draft:
    agent = turn.agent
    ask = Ask(
        capability="respond",
        messages=prompts.reply(agent, turn.thread.contact.name, facts, turn.thread.messages),
        temperature=agent.temperature,
        max_tokens=agent.max_tokens,
        schema=outputs.schema(outputs.Reply),
        model=agent.model or None,
    )
    reply, answer = await outputs.ask_for(outputs.Reply, ask)
    known = {hit.entry.id: hit.entry for hit in facts}
    return Draft(
        text=reply.reply.strip(),
        confidence=reply.confidence,
        intent=reply.intent[:100],
        escalation=(reply.escalation_reason or "ai_suggested") if reply.should_escalate else None,
        used=[used(known[id]) for id in reply.used_knowledge_ids if id in known],
        provider=answer.provider,
        model=answer.model,
        tokens=answer.tokens,
        wants_meeting=reply.scheduling_intent,
    )


def from_knowledge(facts: SearchResponse, failure: Refusal | None) -> Draft:
    """The best entry as it stands, when it answers the question and a person stands behind it."""
    best = next((hit.entry for hit in facts.hits), None)
    if best is None or not facts.accepted or not is_approved(best):
        return Draft("", 0.0, degraded=True, failure=failure)
    return Draft(
        best.answer,
        RETRIEVED_CONFIDENCE,
        used=[used(best)],
        model="knowledge",
        degraded=True,
        failure=failure,
    )


def recorded(draft: Draft) -> dict[str, Any]:
    """The columns of a log row that a draft fills."""
    return {
        "ai_response": draft.text,
        "confidence": draft.confidence,
        "intent": draft.intent,
        "knowledge_ids": [one.id for one in draft.used],
        "provider": draft.provider,
        "model_used": draft.model,
        "degraded": draft.degraded,
        "tokens_used": draft.tokens,
    }


def remembered(record: Row) -> Draft:
    """The draft that a log row holds."""
    return Draft(
        record.ai_response,
        record.confidence,
        intent=record.intent,
        provider=record.provider,
        model=record.model_used,
        degraded=record.degraded,
        tokens=record.tokens_used,
    )


def is_approved(entry: Entry) -> bool:
    """Verified, or written by a person in the first place; what was learned waits for verification."""
    return entry.is_verified or entry.source in ("manual", "imported")


def used(entry: Entry) -> pb.UsedKnowledge:
    return pb.UsedKnowledge(id=entry.id, question=entry.question)
