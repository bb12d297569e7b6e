"""An instance's link to its phone: what Evolution says of it, and what it proves by working."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import literal, select, update
from sqlalchemy.dialects.postgresql import JSONB

from protos import messaging_pb2 as pb
from services.kit.clock import now, parse, rfc3339
from services.kit.db import Database, Row, Session
from services.kit.outbox import emit
from services.messaging.inbound import ConnectionUpdate, QrCode
from services.messaging.models import Instance

HEARD_EVERY = timedelta(seconds=30)  # a message a second must not write the instance's row a second
TOLD_EVERY = timedelta(seconds=1)

_handed_over: dict[str, datetime] = {}


async def heard(session: Session, told: Sequence[tuple[Row, datetime | None]]) -> None:
    """Messages came in: the instances live, whatever else was said of them before."""
    latest: dict[str, tuple[Row, datetime | None]] = {}
    for row, told_at in told:
        known = latest.get(row.id)
        if known is None or (told_at and (known[1] is None or told_at > known[1])):
            latest[row.id] = (row, told_at)
    for id in sorted(latest):
        await _heard(session, *latest[id])


async def _heard(session: Session, row: Row, told_at: datetime | None) -> None:
    last = parse(row.last_inbound_at) if row.last_inbound_at else None
    if last is None or now() - last > HEARD_EVERY:
        await session.run(update(Instance).where(Instance.id == row.id).values(last_inbound_at=now()))
    known = parse(row.status_told_at) if row.status_told_at else None
    is_news = told_at is not None and (known is None or told_at - known > TOLD_EVERY)
    if row.status != "connected" or is_news:
        await set_status(session, row.id, "connected", "message_received", told_at=told_at)


async def acknowledged(session: Session, rows: Sequence[Row]) -> None:
    """WhatsApp said how far something has come: what is handed to these instances arrives there."""
    for row in sorted({row.id: row for row in rows}.values(), key=lambda row: str(row.id)):
        if row.last_ack_at is None or now() - parse(row.last_ack_at) > HEARD_EVERY:
            await session.run(update(Instance).where(Instance.id == row.id).values(last_ack_at=now()))


async def handed_over(db: Database, instance: str) -> None:
    """Something was taken over there, and should be acknowledged soon."""
    last = _handed_over.get(instance)
    if last is not None and now() - last < HEARD_EVERY:
        return
    _handed_over[instance] = now()
    async with db.begin() as session:
        await session.run(update(Instance).where(Instance.id == instance).values(last_sent_at=now()))


async def changed(
    session: Session, instance: str, change: ConnectionUpdate, told_at: datetime | None
) -> str | None:
    learned = {
        "phone": change.phone,
        "profileName": change.profile_name,
        "profilePictureUrl": change.profile_picture_url,
    }
    known = {name: value for name, value in learned.items() if value}
    if known:
        note = orjson.dumps(known).decode()
        await session.run(
            update(Instance)
            .where(Instance.id == instance)
            .values(metadata_=Instance.metadata_.concat(literal(note, JSONB)))
        )
    reason = change.state if change.reason is None else f"{change.state} {change.reason}"
    return await set_status(session, instance, change.status, reason, told_at=told_at)


async def show_code(session: Session, instance: str, code: QrCode, told_at: datetime | None) -> str | None:
    values = {"qr_code": code.base64 or code.code}
    ignored = await set_status(session, instance, "connecting", "qr_code", told_at=told_at)
    if ignored is None:
        await session.run(update(Instance).where(Instance.id == instance).values(**values))
    return ignored


async def set_status(
    session: Session, instance: str, status: str, reason: str, *, told_at: datetime | None = None
) -> str | None:
    """None when it counts. What was told earlier than what is known already does not, however late it comes.

    Without `told_at` it is our own observation, which counts until Evolution tells something.
    """
    row = await session.first(
        select(Instance.status, Instance.status_told_at)
        .where(Instance.id == instance)
        .with_for_update(key_share=True)  # a new contact, which names the instance, need not wait
    )
    if row is None:
        return "unknown_instance"
    known = row.status_told_at
    if told_at and known and (rfc3339(told_at), status) < (known, row.status):
        return "status_not_newer"
    values: dict[str, Any] = {"status": status}
    if told_at:
        values["status_told_at"] = told_at
    if status == "connected":
        values["qr_code"] = None
    await session.run(update(Instance).where(Instance.id == instance).values(**values))
    if status != row.status:
        await emit(
            session,
            pb.InstanceStatusChanged(
                instance_id=instance, old_status=row.status, status=status, reason=reason
            ),
        )
    return None
