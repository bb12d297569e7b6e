"""What conversations were about, in short. Every summary is kept."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import orjson
from sqlalchemy.dialects.postgresql import insert

from protos import intelligence_pb2 as pb
from protos.messaging_pb2 import Message
from services.intelligence import capabilities, conversations, outputs, recaps, sentiment, tasks, threads
from services.intelligence.models import Summary
from services.kit.actor import Actor
from services.kit.clock import now, rfc3339
from services.kit.db import Database, Session
from services.kit.outbox import emit
from services.kit.tables import new_id

MESSAGES = 50
SESSION = """
    update ai_agent_sessions set conversation_summary = %(summary)s, updated_at = %(at)s
    where conversation_id = %(conversation)s
"""


@dataclass(frozen=True)
class Found:
    summary: str
    key_points: list[str]
    action_items: list[str]
    sentiment: str
    provider: str
    model: str
    method: str
    degraded: bool
    quotes: list[pb.Quote] = field(default_factory=list)


async def summarize(
    db: Database, actor: Actor, request: pb.SummarizeConversationRequest
) -> pb.SummarizeConversationResponse:
    context = await conversations.read(request.id, request.limit or MESSAGES)
    messages = [*context.messages]
    if not any(threads.has_words(message) for message in messages):
        return pb.SummarizeConversationResponse(
            success=False, message="No messages to summarize", code="no_messages"
        )
    found = await capabilities.served(
        "summary", lambda: _by_model(db, messages, request.id), lambda: _extracted(messages)
    )
    async with db.begin() as session:
        return await _keep(session, request.id, messages, found, actor.id or None)


async def _by_model(db: Database, messages: list[Message], conversation_id: str) -> Found:
    ask = tasks.ask(
        "summary",
        tasks.SUMMARY,
        conversations.transcript(messages),
        temperature=0.2,
        max_tokens=800,
        kind=outputs.SummaryFound,
        conversation_id=conversation_id,
    )
    found, answer = await outputs.ask_for(db, outputs.SummaryFound, ask)
    return Found(
        " ".join(found.summary.split()[: recaps.WORDS]),
        [point[:500] for point in found.key_points[: recaps.POINTS]],
        [item[:500] for item in found.action_items[: recaps.ACTIONS]],
        found.sentiment,
        answer.provider,
        answer.model,
        "llm",
        degraded=False,
    )


async def _extracted(messages: Sequence[Message]) -> Found:
    worded = [message for message in messages if threads.has_words(message)]
    said = [message for message in worded if threads.by_customer(message)]
    feeling = await sentiment.by_classifier(said[-sentiment.MESSAGES :]) if said else None
    recap = recaps.recap(worded)
    return Found(
        recap.summary,
        recap.key_points,
        recap.action_items,
        feeling.sentiment if feeling else "neutral",
        "local",
        "extractive",
        "extractive",
        degraded=True,
        quotes=recap.quotes,
    )


async def _keep(
    session: Session, conversation: str, messages: Sequence[Message], found: Found, by: str | None
) -> pb.SummarizeConversationResponse:
    id = new_id()
    await session.run(
        insert(Summary).values(
            id=id,
            conversation_id=conversation,
            summary=found.summary,
            key_points=found.key_points,
            action_items=found.action_items,
            quotes=orjson.dumps(
                [{"messageId": one.message_id, "text": one.text} for one in found.quotes]
            ).decode(),
            sentiment_at_time=found.sentiment,
            messages_count=len(messages),
            period_start=messages[0].timestamp,
            period_end=messages[-1].timestamp,
            provider=found.provider,
            model=found.model,
            degraded=found.degraded,
            created_by=by,
        )
    )
    await session.run(SESSION, summary=found.summary, conversation=conversation, at=now())
    await emit(session, pb.ConversationSummarized(conversation_id=conversation, summary_id=id))
    return pb.SummarizeConversationResponse(
        success=True,
        summary=found.summary,
        id=id,
        conversation_id=conversation,
        key_points=found.key_points,
        action_items=found.action_items,
        sentiment=found.sentiment,
        messages_count=len(messages),
        period_start=messages[0].timestamp,
        period_end=messages[-1].timestamp,
        created_at=rfc3339(now()),
        provider=found.provider,
        model=found.model,
        degraded=found.degraded,
        method=found.method,
        quotes=found.quotes,
    )
