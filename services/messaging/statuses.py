"""How far a message has come: proofs only add up, whatever order they come in, and however often."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from protos import messaging_pb2 as pb
from services.kit.clock import now, rfc3339
from services.kit.db import Session
from services.messaging.inbound import StatusUpdate

# Each stands for more than those before it. WhatsApp's ERROR gives way to an acknowledgement, which may come
# later; the cloud channel's FAILED comes after SENT and is the end, unless it was delivered all the same.
SENDING, UNKNOWN, HANDED_OVER, REFUSED, ACKNOWLEDGED, REJECTED, DELIVERED, READ = range(8)
SHOWN = ("sending", "unknown", "sent", "failed", "sent", "failed", "delivered", "read")
STEPS = {"failed": REFUSED, "sent": ACKNOWLEDGED, "delivered": DELIVERED, "read": READ}

WRITE = """
    update messages m set status = r.status, progress = r.progress, metadata = r.metadata
    from json_to_recordset(%(rows)s::json) as r(id uuid, status text, progress smallint, metadata jsonb)
    where m.id = r.id
"""
READ_UP_TO = """
    update conversations c set read_at = r.timestamp, read_id = r.id, updated_at = %(at)s
    from (
        select distinct on (conversation_id) conversation_id, timestamp, id
        from json_to_recordset(%(rows)s::json) as r(conversation_id uuid, timestamp timestamptz, id uuid)
        order by conversation_id, timestamp desc, id desc
    ) r
    where c.id = r.conversation_id
      and (r.timestamp, r.id) > (coalesce(c.read_at, '-infinity'),
                                 coalesce(c.read_id, '00000000-0000-0000-0000-000000000000'))
"""
RECOUNT = """
    update conversations c set unread_count = (
        select count(*) from messages m
        where m.conversation_id = c.id and not m.is_from_me and m.status = 'received'
          and (m.timestamp, m.id) > (c.read_at, c.read_id)
    )
    where c.id = any(%(ids)s::uuid[]) and c.read_at is not null
"""


@dataclass
class Target:
    """A message that something was told of."""

    id: str
    conversation_id: str
    instance_id: str
    message_id: str
    is_from_me: bool
    status: str
    progress: int
    origin: str
    timestamp: str
    content: str
    original_content: str | None
    edited_at: str | None
    deleted_at: str | None
    metadata: dict[str, Any]
    correlation_id: str | None
    is_moved: bool = False
    events: list[Any] = field(default_factory=list)


def step(change: StatusUpdate) -> int:
    return REJECTED if change.rejected else STEPS.get(change.status, SENDING)


def move(target: Target, change: StatusUpdate) -> str | None:
    """None when it says something new; else why it does not."""
    if not target.is_from_me:
        return _read_on_the_phone(target, change)
    noted = _note(target, change)
    if step(change) <= target.progress:
        return None if noted else "status_not_newer"
    old, target.progress = target.status, step(change)
    target.status = SHOWN[target.progress]
    target.is_moved = True
    if target.status != old:
        target.events.append(
            pb.MessageStatusChanged(
                conversation_id=target.conversation_id,
                message_id=target.id,
                provider_message_id=target.message_id,
                old_status=old,
                status=target.status,
                origin=target.origin,
                correlation_id=target.correlation_id,
                error="WhatsApp refused the message." if target.status == "failed" else None,
            )
        )
    return None


def _read_on_the_phone(target: Target, change: StatusUpdate) -> str | None:
    if change.status != "read":
        return "not_our_message"
    if target.status == "read":
        return "status_not_newer"
    target.status, target.is_moved = "read", True
    target.events.append(pb.ConversationRead(conversation_id=target.conversation_id, marked_count=1))
    return None


def _note(target: Target, change: StatusUpdate) -> bool:
    """Who of a group has read it, and whether a voice message was played."""
    noted = False
    if change.played and "playedAt" not in target.metadata:
        target.metadata["playedAt"] = rfc3339(now())
        noted = True
    readers = target.metadata.get("readBy", [])
    who = change.participant and (change.participant.phone or change.participant.lid)
    if change.status == "read" and who and who not in readers:
        target.metadata["readBy"] = sorted([*readers, who])
        noted = True
    target.is_moved |= noted
    return noted


async def write(session: Session, targets: Sequence[Target]) -> None:
    moved = [target for target in targets if target.is_moved]
    if not moved:
        return
    rows = [
        {"id": one.id, "status": one.status, "progress": one.progress, "metadata": one.metadata}
        for one in moved
    ]
    await session.run(WRITE, rows=orjson.dumps(rows).decode())
    read = [target for target in moved if not target.is_from_me and target.status == "read"]
    if read:
        places = [
            {"conversation_id": one.conversation_id, "timestamp": one.timestamp, "id": one.id} for one in read
        ]
        await session.run(READ_UP_TO, rows=orjson.dumps(places).decode(), at=now())
        await session.run(RECOUNT, ids=[one.conversation_id for one in read])
