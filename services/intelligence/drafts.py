"""An answer before it is sent: a model's words, or an approved entry of the knowledge base as it stands."""

import asyncio
from dataclasses import dataclass, field, replace
from typing import Any

from protos import intelligence_pb2 as pb
from protos.knowledge_pb2 import Entry, SearchRequest, SearchResponse
from services.intelligence import (
    classifiers,
    conversations,
    examples,
    guardrails,
    llm,
    outputs,
    peers,
    prompts,
    recaps,
    templates,
    threads,
)
from services.intelligence.guardrails import Sources
from services.intelligence.prompts import Materials
from services.intelligence.providers import Ask
from services.intelligence.turns import Turn
from services.kit.db import Database, Row
from services.kit.errors import Refusal
from services.kit.log import log

FACTS = 5
SURE = 0.6  # five parts left out in turn: 3 of 53 are called in vain, 12 of 52 wishes go unheard here
NO_WORDS = (
    "Recebi a sua mensagem, mas por aqui ainda não consigo abrir áudios nem arquivos. "
    "Pode me escrever em texto, por favor?"
)


@dataclass(frozen=True)
class Draft:
    """`escalation` is why a person should take over instead; `failure` why no model wrote it."""

    text: str
    confidence: float
    intent: str | None = None
    escalation: str | None = None
    used: list[pb.UsedKnowledge] = field(default_factory=list)
    template_ids: list[str] = field(default_factory=list)
    example_ids: list[str] = field(default_factory=list)
    provider: str = "local"
    model: str | None = None
    degraded: bool = False
    tokens: int = 0
    is_gap: bool = False
    wants_meeting: bool = False
    failure: Refusal | None = None


async def write(db: Database, turn: Turn) -> Draft:
    if fixed := _without_question(turn):
        return fixed
    if not llm.is_configured():
        return await _locally(turn)
    facts, materials = await _gathered(db, turn)
    try:
        return await from_model(db, turn, facts, materials)
    except Refusal as refusal:
        log.warning("reply_degraded", code=refusal.name, conversation_id=turn.conversation_id)
        return from_knowledge(facts, refusal)


async def _locally(turn: Turn) -> Draft:
    """Without a model: whoever wishes for a person gets one, others an entry that answers."""
    facts, (share,) = await asyncio.gather(find(turn), classifiers.classify("handover", [turn.question]))
    draft = from_knowledge(facts, None)
    return replace(draft, escalation="customer_request") if share["person"] >= SURE else draft


def _without_question(turn: Turn) -> Draft | None:
    """A greeting gets the welcome that is configured; what has no words, a request for some."""
    if not any(threads.has_words(message) for message in turn.burst):
        return Draft(NO_WORDS, 1.0, intent="media", model="fixed", degraded=True)
    if not turn.agent.welcome_message or any(message.is_from_me for message in turn.thread.messages):
        return None
    if all(recaps.is_greeting(threads.text_of(message)) for message in turn.burst):
        return Draft(turn.agent.welcome_message, 1.0, intent="greeting", model="welcome")
    return None


async def find(turn: Turn) -> SearchResponse | None:
    """What the knowledge base says; None when it is away, or not to be asked."""
    if not turn.agent.knowledge_base_enabled:
        return None
    request = SearchRequest(query=turn.question, limit=FACTS, sector_id=conversations.sector(turn.thread))
    try:
        return await peers.knowledge.Search(request, timeout=3.0)
    except Refusal as refusal:
        log.warning("knowledge_unavailable", code=refusal.name)
        return None


async def from_model(db: Database, turn: Turn, facts: SearchResponse | None, materials: Materials) -> Draft:
    """What the model writes, if it may be sent; it gets one chance to mend it."""
    ask = Ask(
        capability="respond",
        messages=prompts.reply(turn.agent, materials, turn.thread.messages),
        temperature=turn.agent.temperature,
        max_tokens=turn.agent.max_tokens,
        schema=outputs.schema(outputs.Reply),
        model=turn.agent.model or None,
        conversation_id=turn.conversation_id,
    )
    sources = _sources(turn, materials)
    draft = await _one_draft(db, ask, facts, materials)
    wrong = guardrails.violations(draft.text, sources)
    if (not wrong and draft.text) or draft.escalation:
        return draft if not wrong else replace(draft, text="")
    log.warning("reply_refused", violations=wrong, conversation_id=turn.conversation_id)
    draft = await _one_draft(db, prompts.mended(ask, draft.text, wrong), facts, materials)
    wrong = guardrails.violations(draft.text, sources)
    if wrong or not draft.text:
        log.warning("reply_refused", violations=wrong, conversation_id=turn.conversation_id)
        return replace(draft, text="", escalation=draft.escalation or "ai_failure")
    return draft


async def _gathered(db: Database, turn: Turn) -> tuple[SearchResponse | None, Materials]:
    """All that an answer may be built on, looked up side by side."""
    sector = conversations.sector(turn.thread)
    intent = turn.session.detected_intent if turn.session else None
    facts, fitting, good = await asyncio.gather(
        find(turn),
        templates.fitting(db, turn.question, intent, sector),
        _good_answers(db, turn, sector),
    )
    return facts, Materials(
        customer=turn.thread.contact.name,
        facts=[hit.entry for hit in facts.hits] if facts else [],
        templates=fitting,
        examples=good,
        summary=(turn.session.conversation_summary if turn.session else None) or "",
        intent=intent or "",
        lead_score=turn.session.lead_score if turn.session else None,
    )


async def _good_answers(db: Database, turn: Turn, sector: str | None) -> list[Row]:
    return await examples.similar(db, turn.question, sector) if turn.agent.learn_from_agents else []


def _sources(turn: Turn, materials: Materials) -> Sources:
    """What the company supplied and its people said proves a claim; what the AI said before does not."""
    agent = turn.agent
    supplied = [
        *(f"{entry.question} {entry.answer}" for entry in materials.facts),
        *(row.template_content for row in materials.templates),
        *(row.ideal_response for row in materials.examples),
        agent.business_context,
        agent.faq_context,
        agent.product_catalog,
        agent.custom_instructions,
        *(message.content for message in turn.thread.messages if message.origin in ("human", "phone")),
    ]
    spoken = [threads.text_of(one) for one in turn.thread.messages if threads.by_customer(one)]
    return Sources(supplied, spoken, prompts.secret_part(), agent.max_discount_percent)


async def _one_draft(db: Database, ask: Ask, facts: SearchResponse | None, materials: Materials) -> Draft:
    reply, answer = await outputs.ask_for(db, outputs.Reply, ask)
    escalation = (reply.escalation_reason or "ai_suggested") if reply.should_escalate else None
    if guardrails.asks_for_a_person(reply.reply):
        escalation = escalation or "ai_suggested"
    return Draft(
        text=guardrails.cleaned(reply.reply),
        confidence=reply.confidence,
        intent=reply.intent[:100],
        escalation=escalation,
        used=[used(entry) for entry in materials.facts if _is_source(entry, reply)],
        template_ids=[row.id for row in materials.templates],
        example_ids=[row.id for row in materials.examples],
        provider=answer.provider,
        model=answer.model,
        tokens=answer.tokens,
        is_gap=_is_gap(facts),
        wants_meeting=reply.scheduling_intent,
    )


def _is_source(entry: Entry, reply: outputs.Reply) -> bool:
    """The model names it, or says what stands in it."""
    return entry.id in reply.used_knowledge_ids or guardrails.proves(
        f"{entry.question} {entry.answer}", reply.reply
    )


def from_knowledge(facts: SearchResponse | None, failure: Refusal | None) -> Draft:
    """The best entry as it stands, when it answers the question and a person stands behind it."""
    best = facts.hits[0].entry if facts and facts.hits else None
    if facts is None or best is None or not facts.accepted or not is_approved(best):
        return Draft("", 0.0, degraded=True, is_gap=_is_gap(facts), failure=failure)
    return Draft(
        best.answer, facts.confidence, used=[used(best)], model="knowledge", degraded=True, failure=failure
    )


def _is_gap(facts: SearchResponse | None) -> bool:
    """Who was not asked may know the answer."""
    return facts is not None and not facts.accepted


def is_approved(entry: Entry) -> bool:
    """Verified, or written by a person in the first place; what was learned waits for verification."""
    return entry.is_verified or entry.source in ("manual", "imported")


def used(entry: Entry) -> pb.UsedKnowledge:
    return pb.UsedKnowledge(id=entry.id, question=entry.question)


def recorded(draft: Draft) -> dict[str, Any]:
    """The columns of a log row that a draft fills."""
    return {
        "ai_response": draft.text,
        "confidence": round(draft.confidence, 2),
        "intent": draft.intent,
        "knowledge_ids": [one.id for one in draft.used],
        "template_ids": draft.template_ids,
        "example_ids": draft.example_ids,
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
        used=[pb.UsedKnowledge(id=id) for id in record.knowledge_ids],
        template_ids=record.template_ids,
        example_ids=record.example_ids,
        provider=record.provider,
        model=record.model_used,
        degraded=record.degraded,
        tokens=record.tokens_used,
    )
