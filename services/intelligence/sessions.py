"""Where the AI agent stands in each conversation."""

from protos import messaging_pb2, sales_pb2
from services.kit.clock import now
from services.kit.db import Row, Session
from services.kit.tables import new_id

OPEN = """
    insert into ai_agent_sessions (id, conversation_id, mode, handoff_context, created_at, updated_at)
    values (%(id)s, %(conversation)s, %(mode)s, '{}', %(at)s, %(at)s)
    on conflict (conversation_id) do update set mode = excluded.mode
    returning *
"""
ANSWERED = """
    update ai_agent_sessions
    set auto_reply_count = auto_reply_count + 1, last_ai_response_at = %(at)s, updated_at = %(at)s,
        last_processed_message_id = %(message)s, detected_intent = coalesce(%(intent)s, detected_intent)
    where conversation_id = %(conversation)s
"""
PERSON_WROTE = """
    update ai_agent_sessions set auto_reply_count = 0, updated_at = %(at)s
    where conversation_id = %(conversation)s and auto_reply_count > 0
"""
TO_AI = """
    update ai_agent_sessions
    set mode = %(mode)s, auto_reply_count = 0, escalated_at = null, escalation_reason = null,
        escalated_to = null, escalation_priority = 0, handoff_requested_at = null,
        given_back_at = %(at)s, updated_at = %(at)s
    where conversation_id = %(conversation)s
"""
TO_HUMAN = """
    update ai_agent_sessions
    set mode = 'human', updated_at = %(at)s, escalated_at = coalesce(escalated_at, %(at)s),
        escalation_reason = coalesce(escalation_reason, 'manual'),
        escalated_to = coalesce(escalated_to, %(by)s)
    where conversation_id = %(conversation)s
"""
ESCALATED = """
    update ai_agent_sessions
    set escalated_at = %(at)s, escalation_reason = %(reason)s, handoff_requested_at = %(at)s,
        updated_at = %(at)s
    where conversation_id = %(conversation)s
"""
SCORED = """
    update ai_agent_sessions set lead_score = %(score)s, updated_at = %(at)s
    where conversation_id = %(conversation)s::uuid
"""
HANDED_OVER = """
    update ai_agent_sessions set handoff_summary = %(summary)s, handoff_context = %(context)s,
        escalation_priority = %(priority)s, updated_at = %(at)s
    where conversation_id = %(conversation)s
"""
TOLD_CLOSED = """
    update ai_agent_sessions set last_out_of_hours_at = %(at)s, updated_at = %(at)s
    where conversation_id = %(conversation)s
"""


async def opened(session: Session, conversation: str, mode: str) -> Row:
    """The session of a conversation, made on its first processing."""
    return await session.first(OPEN, id=new_id(), conversation=conversation, mode=mode, at=now())


async def count_answer(session: Session, conversation: str, message: str, intent: str | None) -> None:
    await session.run(ANSWERED, conversation=conversation, message=message, intent=intent, at=now())


async def escalate(session: Session, conversation: str, reason: str) -> None:
    await session.run(ESCALATED, conversation=conversation, reason=reason, at=now())


async def hand_over(session: Session, conversation: str, summary: str, context: str, priority: int) -> None:
    await session.run(
        HANDED_OVER,
        conversation=conversation,
        summary=summary,
        context=context,
        priority=priority,
        at=now(),
    )


async def tell_closed(session: Session, conversation: str) -> None:
    await session.run(TOLD_CLOSED, conversation=conversation, at=now())


async def note_score(session: Session, event: sales_pb2.LeadScored) -> None:
    await session.run(SCORED, conversation=event.conversation_id or None, score=event.lead_score, at=now())


async def note_qualified(session: Session, event: sales_pb2.LeadQualified) -> None:
    await session.run(SCORED, conversation=event.conversation_id or None, score=event.lead_score, at=now())


async def reset_count(session: Session, event: messaging_pb2.MessageSent) -> None:
    """A person wrote: the AI agent's answers in a row start again."""
    if event.origin in ("human", "phone"):
        await session.run(PERSON_WROTE, conversation=event.conversation_id, at=now())


async def follow_mode(session: Session, event: messaging_pb2.ConversationModeChanged) -> None:
    if event.mode == "human":
        await session.run(TO_HUMAN, conversation=event.conversation_id, by=event.changed_by, at=now())
    else:
        await session.run(TO_AI, conversation=event.conversation_id, mode=event.mode, at=now())
