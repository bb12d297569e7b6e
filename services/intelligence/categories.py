"""What conversations are about: filed by a person, or by AI when somebody asks and every few messages."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy.dialects.postgresql import insert

from protos import intelligence_pb2 as pb
from protos.messaging_pb2 import ConversationContext, Message, MessageReceived
from services.intelligence import capabilities, classifiers, conversations, llm, outputs, tasks, threads
from services.intelligence.models import Topics
from services.intelligence.tasks import TOPICS
from services.kit.actor import Actor
from services.kit.clock import now, rfc3339
from services.kit.db import Database, Session
from services.kit.outbox import emit

MESSAGES = 50
EVERY = 5  # customer messages
SECONDARY = 0.2  # as probable as that, another topic is worth naming
UNSURE = 0.2
LAST = """
    select source, customer_message_count from topics_history where conversation_id = %(conversation)s
    order by created_at desc, id desc limit 1
"""


@dataclass(frozen=True)
class Filing:
    category: str
    subcategory: str | None
    topics: list[str] = field(default_factory=list)
    confidence: float = 1.0
    reasoning: str = ""
    custom_topic: str | None = None
    source: str = "manual"
    provider: str | None = None
    model: str | None = None
    degraded: bool = False


async def categorize(
    db: Database, actor: Actor, request: pb.CategorizeConversationRequest
) -> pb.CategorizeConversationResponse:
    """By hand with `category`, by AI without."""
    context = await conversations.read(request.id, MESSAGES)
    if request.category:
        filing = Filing(request.category, request.subcategory or None)
    else:
        messages = conversations.worded(context)
        if not messages:
            return pb.CategorizeConversationResponse(
                success=False, message="No text messages to categorize", code="no_messages"
            )
        filing = await judge(db, messages, request.id)
    async with db.begin() as session:
        await _keep(session, context, filing, actor.id or None)
    return _shown(filing)


async def follow(db: Database, event: MessageReceived) -> None:
    """Every fifth message of a customer since AI filed it last. What a person filed stays."""
    if event.is_group or llm.provider.name == "off":
        return
    async with db.read() as session:
        last = await session.first(LAST, conversation=event.conversation_id)
    if last is not None and last.source == "manual":
        return
    if event.customer_message_count - (last.customer_message_count if last else 0) < EVERY:
        return
    context = await conversations.read(event.conversation_id, MESSAGES, message=event.message_id)
    messages = conversations.worded(context)
    if not messages:
        return
    filing = await judge(db, messages, event.conversation_id)
    async with db.begin() as session:
        await _keep(session, context, filing, None)


async def judge(db: Database, messages: Sequence[Message], conversation_id: str | None) -> Filing:
    return await capabilities.served(
        "categorize",
        lambda: _by_model(db, messages, conversation_id),
        lambda: by_classifier(messages),
    )


async def _by_model(db: Database, messages: Sequence[Message], conversation_id: str | None) -> Filing:
    ask = tasks.ask(
        "categorize",
        tasks.CATEGORIZE,
        conversations.transcript([*messages]),
        temperature=0.2,
        max_tokens=400,
        kind=outputs.TopicsFound,
        conversation_id=conversation_id,
    )
    found, answer = await outputs.ask_for(db, outputs.TopicsFound, ask)
    known = found.primary_topic in TOPICS
    primary = found.primary_topic if known else "geral"
    custom = found.custom_topic if known else found.primary_topic[:100]
    others = [topic for topic in found.secondary_topics if topic in TOPICS and topic != primary]
    return Filing(
        TOPICS[primary],
        primary,
        [primary, *dict.fromkeys(others)][:3],
        found.confidence,
        found.reasoning[:1000],
        custom[:100] if custom else None,
        "ai",
        answer.provider,
        answer.model,
    )


async def by_classifier(messages: Sequence[Message]) -> Filing:
    """The topics of the customer's messages together; greetings say nothing where something else does."""
    texts = [threads.text_of(one) for one in messages if threads.by_customer(one)]
    texts = texts or [threads.text_of(one) for one in messages]
    shares = await classifiers.classify("topics", texts)
    telling = [share for share in shares if max(share, key=lambda one: share[one]) != "geral"] or shares
    total = {topic: sum(share[topic] for share in telling) / len(telling) for topic in TOPICS}
    order = sorted(total, key=lambda topic: -total[topic])
    primary = order[0] if total[order[0]] >= UNSURE else "geral"
    others = [topic for topic in order[1:3] if total[topic] >= SECONDARY and topic != primary]
    clearest = max(range(len(texts)), key=lambda place: shares[place][primary])
    return Filing(
        TOPICS[primary],
        primary,
        [primary, *others],
        round(total[primary], 2),
        f"Mensagem mais característica: “{texts[clearest][:300]}”",
        None,
        "ai",
        "local",
        classifiers.MODEL,
        degraded=True,
    )


async def _keep(session: Session, context: ConversationContext, filing: Filing, by: str | None) -> None:
    conversation = context.conversation
    await session.run(
        insert(Topics).values(
            conversation_id=conversation.id,
            contact_id=conversation.contact_id,
            topics=filing.topics,
            primary_topic=filing.topics[0] if filing.topics else None,
            category=filing.category,
            subcategory=filing.subcategory,
            custom_topics=[filing.custom_topic] if filing.custom_topic else [],
            ai_confidence=round(filing.confidence, 2) if filing.source == "ai" else None,
            ai_reasoning=filing.reasoning or None,
            categorization_model=filing.model,
            source=filing.source,
            customer_message_count=context.customer_message_count,
            created_by=by,
        )
    )
    await emit(
        session,
        pb.ConversationCategorized(
            conversation_id=conversation.id,
            category=filing.category,
            subcategory=filing.subcategory or "",
            topics=filing.topics,
            primary_topic=filing.topics[0] if filing.topics else "",
            confidence=filing.confidence,
            reasoning=filing.reasoning,
            custom_topics=[filing.custom_topic] if filing.custom_topic else [],
            model=filing.model or "",
            source=filing.source,
            categorized_at=rfc3339(now()),
        ),
    )


def _shown(filing: Filing) -> pb.CategorizeConversationResponse:
    return pb.CategorizeConversationResponse(
        success=True,
        category=filing.category,
        subcategory=filing.subcategory,
        topics=filing.topics,
        primary_topic=filing.topics[0] if filing.topics else None,
        secondary_topics=filing.topics[1:],
        custom_topic=filing.custom_topic,
        confidence=filing.confidence,
        reasoning=filing.reasoning or None,
        source=filing.source,
        provider=filing.provider,
        model=filing.model,
        degraded=filing.degraded,
    )
