"""How customers feel: from their last messages, when somebody asks and by itself every few messages."""

from collections.abc import Sequence
from dataclasses import dataclass

import orjson
from sqlalchemy.dialects.postgresql import insert

from protos import intelligence_pb2 as pb
from protos.messaging_pb2 import ConversationContext, Message, MessageReceived
from services.intelligence import capabilities, classifiers, conversations, llm, outputs, tasks, threads
from services.intelligence.models import Sentiment, SentimentPoint
from services.kit.actor import Actor
from services.kit.clock import now, rfc3339
from services.kit.db import Database, Row, Session
from services.kit.outbox import emit
from services.kit.tables import new_id

MESSAGES = 10
SEARCHED = 50
LEAST = 3
EVERY = 5  # customer messages
CURRENT = "select * from sentiment_analyses where conversation_id = %(conversation)s"
COUNTED = "select customer_message_count from sentiment_analyses where conversation_id = %(conversation)s"
WORDS = {
    "positive": "Cliente satisfeito.",
    "neutral": "Cliente em tom informativo.",
    "negative": "Cliente insatisfeito.",
}


@dataclass(frozen=True)
class Feeling:
    sentiment: str
    confidence: float
    summary: str
    reasoning: str
    provider: str
    model: str
    degraded: bool


async def analyze(
    db: Database, actor: Actor, request: pb.AnalyzeSentimentRequest
) -> pb.AnalyzeSentimentResponse:
    context, messages = await _said(request.conversation_id)
    if len(messages) < LEAST:
        return pb.AnalyzeSentimentResponse(
            success=False,
            message=f"Need at least {LEAST} customer messages to analyze sentiment",
            code="insufficient_messages",
            messages_found=len(messages),
        )
    feeling = await judge(db, messages, request.conversation_id)
    async with db.begin() as session:
        return pb.AnalyzeSentimentResponse(
            success=True, analysis=await _keep(session, context, messages, feeling)
        )


async def follow(db: Database, event: MessageReceived) -> None:
    """Every fifth message of a customer since the last analysis, which keeps the count."""
    if event.is_group or llm.provider.name == "off":
        return
    async with db.read() as session:
        counted = await session.scalar(COUNTED, conversation=event.conversation_id)
    if event.customer_message_count - (counted or 0) < EVERY:
        return
    context, messages = await _said(event.conversation_id, event.message_id)
    if len(messages) < LEAST:
        return
    feeling = await judge(db, messages, event.conversation_id)
    async with db.begin() as session:
        await _keep(session, context, messages, feeling)


async def _said(conversation: str, message: str | None = None) -> tuple[ConversationContext, list[Message]]:
    """The customer's last messages that say something, however many files came between."""
    context = await conversations.read(conversation, SEARCHED, inbound_only=True, message=message)
    return context, conversations.worded(context)[-MESSAGES:]


async def judge(db: Database, messages: Sequence[Message], conversation_id: str | None) -> Feeling:
    return await capabilities.served(
        "sentiment",
        lambda: _by_model(db, messages, conversation_id),
        lambda: by_classifier(messages),
    )


async def _by_model(db: Database, messages: Sequence[Message], conversation_id: str | None) -> Feeling:
    said = "\n".join(f"[{message.timestamp}] {threads.text_of(message)}" for message in messages)
    ask = tasks.ask(
        "sentiment",
        tasks.SENTIMENT,
        said,
        temperature=0.2,
        max_tokens=200,
        kind=outputs.SentimentFound,
        conversation_id=conversation_id,
    )
    found, answer = await outputs.ask_for(db, outputs.SentimentFound, ask)
    return Feeling(
        found.sentiment,
        found.confidence,
        found.summary[:100],
        found.reasoning[:1000],
        answer.provider,
        answer.model,
        degraded=False,
    )


async def by_classifier(messages: Sequence[Message]) -> Feeling:
    """What is said last counts most, and what sounds like something more than what does not."""
    texts = [threads.text_of(message) for message in messages]
    shares = await classifiers.classify("sentiment", texts)
    weights = [
        0.85 ** (len(shares) - 1 - place) * (1.2 - share["neutral"]) for place, share in enumerate(shares)
    ]
    total = {
        label: sum(weight * share[label] for weight, share in zip(weights, shares, strict=True))
        / sum(weights)
        for label in WORDS
    }
    label = max(total, key=lambda one: total[one])
    strongest = max(range(len(texts)), key=lambda place: weights[place] * shares[place][label])
    return Feeling(
        label,
        round(total[label], 2),
        WORDS[label],
        f"Mensagem mais marcante: “{texts[strongest][:300]}”",
        "local",
        classifiers.MODEL,
        degraded=True,
    )


async def current(db: Database, conversation: str) -> Row | None:
    async with db.read() as session:
        return await session.first(CURRENT, conversation=conversation)


async def _keep(
    session: Session, context: ConversationContext, messages: Sequence[Message], feeling: Feeling
) -> pb.SentimentAnalysis:
    """One current row for a conversation, and one of history for each analysis."""
    conversation, contact = context.conversation.id, context.conversation.contact_id
    before = await session.first(CURRENT + " for update", conversation=conversation)
    details = {"model": feeling.model, "degraded": feeling.degraded, "lastMessageId": messages[-1].id}
    point = {
        "conversation_id": conversation,
        "contact_id": contact,
        "sentiment": feeling.sentiment,
        "confidence_score": round(feeling.confidence, 2),
        "summary": feeling.summary,
        "messages_analyzed": len(messages),
        "details": orjson.dumps(details).decode(),
    }
    fresh = point | {
        "reasoning": feeling.reasoning,
        "customer_message_count": context.customer_message_count,
        "updated_at": now(),
    }
    new = insert(Sentiment).values(id=new_id(), created_at=now(), **fresh)
    row = await session.first(
        new.on_conflict_do_update(index_elements=["conversation_id"], set_=fresh).returning(Sentiment.id)
    )
    assert row is not None
    await session.run(insert(SentimentPoint).values(**point))
    await emit(
        session,
        pb.SentimentAnalyzed(
            conversation_id=conversation,
            contact_id=contact,
            sentiment=feeling.sentiment,
            previous_sentiment=before.sentiment if before else None,
            confidence=feeling.confidence,
        ),
    )
    return _shown(row.id, point, feeling)


def _shown(id: str, point: dict[str, object], feeling: Feeling) -> pb.SentimentAnalysis:
    return pb.SentimentAnalysis(
        id=id,
        conversation_id=str(point["conversation_id"]),
        contact_id=str(point["contact_id"]),
        sentiment=feeling.sentiment,
        confidence=feeling.confidence,
        confidence_score=feeling.confidence,
        summary=feeling.summary,
        reasoning=feeling.reasoning,
        messages_analyzed=int(str(point["messages_analyzed"])),
        created_at=rfc3339(now()),
        provider=feeling.provider,
        model=feeling.model,
        degraded=feeling.degraded,
    )
