"""Two conversations turn out to be with one customer: what is known of the one that is gone is the other's.

What was spent on models stays with the conversation for which it was.
"""

from protos.messaging_pb2 import ConversationMerged
from services.kit.db import Database

MOVED = (
    "ai_agent_logs",
    "ai_response_feedback",
    "conversation_summaries",
    "learning_examples",
    "sentiment_history",
    "topics_history",
)
MOVE = "update {table} set conversation_id = %(kept)s where conversation_id = %(gone)s"
LOCK = """
    select id from ai_agent_sessions where conversation_id in (%(kept)s, %(gone)s) order by id for update
"""
# Whether a person has the conversation, messaging says of the one that stays.
CALM = "update ai_agent_sessions set escalated_at = null where conversation_id = %(gone)s"
UNITE = """
    update ai_agent_sessions as one
    set auto_reply_count = greatest(one.auto_reply_count, other.auto_reply_count),
        last_ai_response_at = greatest(one.last_ai_response_at, other.last_ai_response_at),
        last_out_of_hours_at = greatest(one.last_out_of_hours_at, other.last_out_of_hours_at),
        given_back_at = greatest(one.given_back_at, other.given_back_at),
        lead_score = coalesce(one.lead_score, other.lead_score),
        detected_intent = coalesce(one.detected_intent, other.detected_intent)
    from ai_agent_sessions as other
    where one.conversation_id = %(kept)s and other.conversation_id = %(gone)s
    returning one.id
"""
REMEMBER = """
    update ai_agent_logs set session_id = %(session)s
    where session_id = (select id from ai_agent_sessions where conversation_id = %(gone)s)
        and conversation_id = %(kept)s
"""
LEAVE = "delete from ai_agent_sessions where conversation_id = %(gone)s"
# The newer judgement is of what was said last.
OUTDATED = """
    delete from sentiment_analyses as one using sentiment_analyses as other
    where one.conversation_id in (%(kept)s, %(gone)s) and other.conversation_id in (%(kept)s, %(gone)s)
        and (one.updated_at, one.id) < (other.updated_at, other.id)
"""
RENAMED = ("sentiment_analyses", "sentiment_history", "topics_history")
RENAME = "update {table} set contact_id = %(kept)s where contact_id = %(gone)s"


async def follow(db: Database, event: ConversationMerged) -> None:
    if event.conversation_id != event.gone_conversation_id:
        await move(db, kept=event.conversation_id, gone=event.gone_conversation_id)
    async with db.begin() as session:
        for table in RENAMED:
            await session.run(RENAME.format(table=table), kept=event.contact_id, gone=event.gone_contact_id)


async def move(db: Database, *, kept: str, gone: str) -> None:
    """Safe to repeat: who finds a message in another conversation need not wait for the event.

    Logs first: who finishes a log is told by it where its session is.
    """
    async with db.begin() as session:
        for table in MOVED:
            await session.run(MOVE.format(table=table), kept=kept, gone=gone)
        await session.run(OUTDATED, kept=kept, gone=gone)
        await session.run(MOVE.format(table="sentiment_analyses"), kept=kept, gone=gone)
        await session.run(LOCK, kept=kept, gone=gone)
        await session.run(CALM, gone=gone)
        if united := await session.scalar(UNITE, kept=kept, gone=gone):
            await session.run(REMEMBER, session=united, kept=kept, gone=gone)
            await session.run(LEAVE, gone=gone)
        await session.run(MOVE.format(table="ai_agent_sessions"), kept=kept, gone=gone)
