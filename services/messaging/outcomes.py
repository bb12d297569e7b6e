"""How a send ended: sent, failed, unknown, or to be tried again where it is proven that nothing left."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import orjson
from sqlalchemy import bindparam, delete, literal, select, update
from sqlalchemy.dialects.postgresql import JSONB

from protos import messaging_pb2 as pb
from services.kit.clock import now
from services.kit.db import Row, Session
from services.kit.outbox import emit
from services.messaging import changes
from services.messaging.models import Conversation, Message
from services.messaging.send_models import Send
from services.messaging.statuses import HANDED_OVER, REFUSED, SENDING, SHOWN, UNKNOWN

ECHO_AROUND = timedelta(seconds=5)

LOAD = (
    select(
        Send.id,
        Send.state,
        Send.message_id,
        Send.contact_id,
        Send.instance_id,
        Send.correlation_id,
        Send.claimed_at,
        Message.conversation_id,
        Message.message_id.label("external_id"),
        Message.remote_jid,
        Message.content,
        Message.message_type,
        Message.origin,
        Message.sent_by,
        Message.timestamp,
        Message.status,
        Message.progress,
    )
    .join(Message, Message.id == Send.message_id)
    .where(Send.id == bindparam("id"))
    .with_for_update()
)
TAKEN_BY = """
    select m.id, m.progress, s.id as send_id from messages m left join sends s on s.message_id = m.id
    where m.instance_id = %(instance)s and m.message_id = %(external)s and m.id <> %(message)s
    for update of m
"""
STORED_ECHO = """
    select m.message_id, m.remote_jid from messages m
    where m.conversation_id = %(conversation)s and m.timestamp >= %(since)s and m.is_from_me
      and m.origin = 'phone' and m.content = %(content)s and m.progress >= %(handed)s
      and not exists (select 1 from sends s where s.message_id = m.id)
    order by m.timestamp limit 1
"""


@dataclass(frozen=True, slots=True)
class Proof:
    """What WhatsApp calls a message that left, and to where it went."""

    external_id: str
    jid: str | None


async def sent(session: Session, id: str, proof: Proof) -> None:
    """It left. Its echo may have been here first: as this row, or as one that now goes."""
    row = await session.first(LOAD, id=id)
    if row is None or (row.state == "sent" and row.external_id == proof.external_id):
        return
    inherited = await _make_room(session, row, proof.external_id)
    progress = max(row.progress if row.progress != REFUSED else SENDING, HANDED_OVER, inherited)
    await session.run(
        update(Message)
        .where(Message.id == row.message_id)
        .values(
            message_id=proof.external_id,
            remote_jid=proof.jid or row.remote_jid,
            status=SHOWN[progress],
            progress=progress,
        )
    )
    await _finish(session, id, "sent", None)
    await emit(session, _sent(row, proof.external_id))
    await changes.apply_parked(session, [(row.instance_id, proof.external_id)])


async def _make_room(session: Session, row: Row, external_id: str) -> int:
    """The id belongs to one message only; how far the other row had come with it is this one's progress."""
    other = await session.first(
        TAKEN_BY, instance=row.instance_id, external=external_id, message=row.message_id
    )
    if other is None:
        return SENDING
    if other.send_id is not None:  # it took the echo for its own
        values = {"message_id": f"local:{other.id}", "status": SHOWN[UNKNOWN], "progress": UNKNOWN}
        await session.run(update(Message).where(Message.id == other.id).values(**values))
        await _finish(session, other.send_id, "unknown", "Its echo turned out to be another message's.")
        return int(other.progress)
    await session.run(
        update(Conversation)
        .where(Conversation.last_message_id == other.id)
        .values(last_message_id=row.message_id)
    )
    await session.run(delete(Message).where(Message.id == other.id))
    return int(other.progress)


def _sent(row: Row, external_id: str) -> pb.MessageSent:
    return pb.MessageSent(
        conversation_id=row.conversation_id,
        message_id=row.message_id,
        provider_message_id=external_id,
        contact_id=row.contact_id,
        instance_id=row.instance_id,
        message_type=row.message_type,
        content=row.content,
        timestamp=row.timestamp,
        origin=row.origin,
        sent_by=row.sent_by,
        correlation_id=row.correlation_id,
    )


async def failed(session: Session, id: str, detail: str) -> None:
    """Refused for good, or given up."""
    await _settle(session, id, "failed", REFUSED, detail)


async def unknown(session: Session, id: str, detail: str) -> None:
    """It may have left. An echo that could not be told from another one's may know."""
    row = await session.first(LOAD, id=id)
    if row is None or row.state != "dispatching":
        return
    echo = await session.first(
        STORED_ECHO,
        conversation=row.conversation_id,
        since=row.timestamp,
        content=row.content,
        handed=HANDED_OVER,
    )
    if echo is not None:
        await sent(session, id, Proof(echo.message_id, echo.remote_jid))
        return
    await _settle(session, id, "unknown", UNKNOWN, detail)


async def _settle(session: Session, id: str, state: str, progress: int, detail: str) -> None:
    row = await session.first(LOAD, id=id)
    if row is None or row.state not in ("dispatching", "queued"):
        return
    await _finish(session, id, state, detail)
    if progress <= row.progress:
        return
    values: dict[str, Any] = {"status": SHOWN[progress], "progress": progress}
    note = orjson.dumps({"error": detail}).decode()
    values["metadata_"] = Message.metadata_.concat(literal(note, JSONB))
    await session.run(update(Message).where(Message.id == row.message_id).values(**values))
    await emit(
        session,
        pb.MessageStatusChanged(
            conversation_id=row.conversation_id,
            message_id=row.message_id,
            provider_message_id=row.external_id,
            old_status=row.status,
            status=SHOWN[progress],
            origin=row.origin,
            correlation_id=row.correlation_id,
            error=detail,
        ),
    )


async def postponed(session: Session, id: str, detail: str, pause: timedelta, *, counts: bool) -> None:
    """Nothing left, and it may be tried again later; an attempt that could not succeed does not count."""
    values: dict[str, Any] = {"state": "queued", "due_at": now() + pause, "error": detail}
    if not counts:
        values["attempts"] = Send.attempts - 1
    await session.run(update(Send).where(Send.id == id, Send.state == "dispatching").values(**values))


async def _finish(session: Session, id: str, state: str, error: str | None) -> None:
    await session.run(update(Send).where(Send.id == id).values(state=state, error=error, finished_at=now()))
