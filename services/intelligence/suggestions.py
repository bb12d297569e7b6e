"""Three quick replies for the person who attends; what the company knows, or courtesies, without a model."""

import time

from protos import intelligence_pb2 as pb
from protos.knowledge_pb2 import SearchRequest, SearchResponse
from protos.messaging_pb2 import ConversationContext, Message
from services.intelligence import conversations, drafts, guardrails, llm, outputs, peers, tasks, threads
from services.intelligence.guardrails import Sources
from services.kit.actor import Actor
from services.kit.db import Database
from services.kit.errors import Refusal
from services.kit.log import log

MESSAGES = 10
SHOWN = 8
COUNT = 3
FACTS = 3
REMEMBERED = 300.0
MOST_REMEMBERED = 1000
COURTESIES = (
    pb.Suggestion(text="Agradecemos o contato. Em que podemos ajudá-lo?", tone="formal"),
    pb.Suggestion(text="Oi! Que bom falar com você 😊 Como posso ajudar?", tone="friendly"),
    pb.Suggestion(text="Vou verificar e já retorno.", tone="direct"),
)

_remembered: dict[tuple[str, str], tuple[float, pb.SuggestRepliesResponse]] = {}


async def suggest(db: Database, actor: Actor, request: pb.SuggestRepliesRequest) -> pb.SuggestRepliesResponse:
    context = await conversations.read(request.conversation_id, MESSAGES)
    messages = conversations.worded(context)
    last = threads.last_customer_message(messages)
    about = pb.SuggestionContext(
        contact_name=context.contact.name, last_message=threads.text_of(last) if last else ""
    )
    if last is None:
        return pb.SuggestRepliesResponse(success=True, context=about)
    key = (request.conversation_id, context.messages[-1].id)
    known = _remembered.get(key)
    if known and known[0] > time.monotonic():
        return known[1]
    reply = await _suggestions(db, context, messages, last)
    reply.context.CopyFrom(about)
    if not reply.fallback:
        if len(_remembered) >= MOST_REMEMBERED:
            _remembered.clear()
        _remembered[key] = time.monotonic() + REMEMBERED, reply
    return reply


async def _suggestions(
    db: Database, context: ConversationContext, messages: list[Message], last: Message
) -> pb.SuggestRepliesResponse:
    facts = await _facts(context, last)
    if llm.is_configured():
        try:
            return await _by_model(db, context, messages[-SHOWN:], facts)
        except Refusal as refusal:
            log.warning("suggestions_degraded", code=refusal.name)
    return retrieved(facts)


def retrieved(facts: SearchResponse | None) -> pb.SuggestRepliesResponse:
    """The approved entry as it stands, when one answers; topped up with courtesies."""
    answer = drafts.from_knowledge(facts, None).text
    found = [pb.Suggestion(text=answer, tone="direct")] if answer else []
    return pb.SuggestRepliesResponse(
        success=True,
        suggestions=topped_up(found),
        fallback=not found,
        provider="local",
        model="knowledge" if found else "courtesies",
        degraded=True,
    )


def topped_up(found: list[pb.Suggestion]) -> list[pb.Suggestion]:
    """Three, with courtesies in the tones that are missing."""
    missing = [one for one in COURTESIES if one.tone not in {given.tone for given in found}]
    return [*found, *missing][:COUNT]


async def _by_model(
    db: Database, context: ConversationContext, messages: list[Message], facts: SearchResponse
) -> pb.SuggestRepliesResponse:
    known = [f"{hit.entry.question}\n{hit.entry.answer}" for hit in facts.hits]
    ask = tasks.ask(
        "suggest_replies",
        tasks.SUGGEST,
        conversations.transcript(messages),
        temperature=0.7,
        max_tokens=300,
        kind=outputs.Suggestions,
        notes=[
            f"Nome do cliente: {context.contact.name}" if context.contact.name else "",
            "Informações da empresa:\n" + "\n".join(known) if known else "",
        ],
        conversation_id=context.conversation.id,
    )
    written, answer = await outputs.ask_for(db, outputs.Suggestions, ask)
    people = [threads.text_of(one) for one in messages if one.origin in ("human", "phone")]
    spoken = [threads.text_of(one) for one in messages if threads.by_customer(one)]
    sources = Sources([*known, *people], spoken, tasks.SUGGEST)
    found: dict[str, pb.Suggestion] = {}
    for one in written.suggestions:
        text = guardrails.cleaned(one.text)
        if text and not guardrails.violations(text, sources):
            found.setdefault(text.lower(), pb.Suggestion(text=text, tone=one.tone))
    return pb.SuggestRepliesResponse(
        success=True,
        suggestions=topped_up([*found.values()][:COUNT]),
        fallback=not found,
        provider=answer.provider,
        model=answer.model,
        degraded=not found,
    )


async def _facts(context: ConversationContext, last: Message) -> SearchResponse:
    request = SearchRequest(query=threads.text_of(last), limit=FACTS, sector_id=conversations.sector(context))
    try:
        return await peers.knowledge.Search(request, timeout=3.0)
    except Refusal as refusal:
        log.warning("knowledge_unavailable", code=refusal.name)
        return SearchResponse()
