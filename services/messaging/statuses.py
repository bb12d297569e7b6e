"""Delivery statuses: they only move forward, whatever order they come in."""

from sqlalchemy import update

from protos import messaging_pb2 as pb
from services.kit.db import Session
from services.kit.outbox import emit
from services.messaging.inbound import StatusUpdate
from services.messaging.models import Message

FORWARD = {
    "sending": {"sent", "delivered", "read", "failed", "unknown"},
    "unknown": {"sent", "delivered", "read", "failed"},
    "sent": {"delivered", "read", "failed"},
    "delivered": {"read"},
    "failed": {"sent", "delivered", "read"},
    "read": set(),
}

FIND = """
    select m.id, m.conversation_id, m.message_id, m.status, m.is_from_me, m.origin, s.correlation_id
    from messages m left join sends s on s.message_id = m.id
    where m.instance_id = %(instance)s and m.message_id = any(%(ids)s)
    order by array_position(%(ids)s, m.message_id) limit 1 for update of m
"""


def moves(old: str, new: str) -> bool:
    return new in FORWARD.get(old, ())


async def move(session: Session, instance: str, change: StatusUpdate) -> str | None:
    """None when the status moved; else why it did not."""
    message = await session.first(FIND, instance=instance, ids=[*change.external_ids])
    if message is None:
        return "unknown_message"
    if not message.is_from_me:
        return "not_our_message"
    if not moves(message.status, change.status):
        return "status_not_newer"
    await session.run(update(Message).where(Message.id == message.id).values(status=change.status))
    await emit(
        session,
        pb.MessageStatusChanged(
            conversation_id=message.conversation_id,
            message_id=message.id,
            provider_message_id=message.message_id,
            old_status=message.status,
            status=change.status,
            origin=message.origin,
            correlation_id=message.correlation_id,
        ),
    )
    return None
