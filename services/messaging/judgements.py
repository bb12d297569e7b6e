"""What intelligence makes of a conversation, for the inbox: how the customer feels, what it is about."""

from protos import messaging_pb2 as pb
from protos.intelligence_pb2 import ConversationCategorized, SentimentAnalyzed
from services.kit.clock import now
from services.kit.db import Session
from services.kit.outbox import emit

FEEL = """
    update conversations set current_sentiment = %(sentiment)s, updated_at = %(at)s
    where id = %(id)s and current_sentiment is distinct from %(sentiment)s
"""
FILE = """
    update conversations set category = %(category)s, subcategory = %(subcategory)s, updated_at = %(at)s
    where id = %(id)s and (category, subcategory) is distinct from (%(category)s::text, %(subcategory)s::text)
"""


async def note_feeling(session: Session, event: SentimentAnalyzed) -> None:
    """A judgement that changes nothing is no news."""
    changed = await session.run(FEEL, id=event.conversation_id, sentiment=event.sentiment, at=now())
    if changed:
        await _tell(session, event.conversation_id, "currentSentiment")


async def note_category(session: Session, event: ConversationCategorized) -> None:
    """Where it belongs."""
    values = {"category": event.category or None, "subcategory": event.subcategory or None}
    if await session.run(FILE, id=event.conversation_id, at=now(), **values):
        await _tell(session, event.conversation_id, "category", "subcategory")


async def _tell(session: Session, conversation: str, *changed: str) -> None:
    await emit(session, pb.ConversationUpdated(conversation_id=conversation, changed=changed))
