"""One send, claimed: what it needs is brought together, Evolution is called once, the outcome is written."""

import asyncio
import random
import time
from collections import defaultdict
from datetime import timedelta

import psycopg
from sqlalchemy import bindparam, select, update

from services.kit import context, telemetry
from services.kit.clock import now
from services.kit.crypto import Unreadable
from services.kit.db import Database, Row
from services.kit.errors import NotFound, Unavailable
from services.kit.log import log
from services.messaging import attachments, instances, links, outcomes, threads
from services.messaging.evolution import outgoing
from services.messaging.evolution.calls import CallFailed, NotSent, Server, Unknown
from services.messaging.evolution.outgoing import Key, Quoted, Sent
from services.messaging.models import Contact, Instance, Message
from services.messaging.outcomes import Proof
from services.messaging.queueing import BULK
from services.messaging.send_models import Gate, Send

HUMAN = 1
PAUSES = (0.5, 1.5)  # somebody waits for the answer
PATIENT_PAUSES = (2.0, 8.0, 30.0, 120.0)
LONGEST_PAUSE = 300.0
TRIES = 3
POLL = 0.2
FINAL = ("sent", "failed", "unknown", "cancelled", "dropped")

LOAD = (
    select(
        Send.id,
        Send.priority,
        Send.attempts,
        Message.id.label("message_id"),
        Message.instance_id,
        Message.content,
        Message.message_type,
        Message.media_url,
        Message.media_mimetype,
        Message.media_filename,
        Message.quoted_message_id,
        Contact.phone_number,
        Contact.remote_jid,
        Contact.is_group,
        Instance.is_active,
    )
    .join(Message, Message.id == Send.message_id)
    .join(Instance, Instance.id == Send.instance_id)
    .join(Contact, Contact.id == Send.contact_id)
    .where(Send.id == bindparam("id"))
)
QUOTED = select(
    Message.message_id, Message.remote_jid, Message.is_from_me, Message.content, Message.metadata_
).where(Message.instance_id == bindparam("instance"), Message.message_id == bindparam("external"))
STATE = select(Send.state, Send.error).where(Send.message_id == bindparam("message"))

_waiters: defaultdict[str, set[asyncio.Event]] = defaultdict(set)


async def dispatch(db: Database, id: str) -> None:
    async with db.read() as session:
        row = await session.first(LOAD, id=id)
    assert row is not None, "what is claimed is not deleted"
    began = time.monotonic()
    try:
        result = await _call(db, row)
        telemetry.SENDS.labels(type(result).__name__.lower()).observe(time.monotonic() - began)
        await _settle(db, row, result)
        if isinstance(result, Sent):
            await links.handed_over(db, row.instance_id)
    finally:
        for waiter in _waiters.pop(row.message_id, ()):
            waiter.set()


async def _call(db: Database, row: Row) -> Sent | CallFailed:
    """The one call, or why there was none. Whatever goes wrong before it has left nothing behind."""
    if not row.is_active:  # what waited for it to be switched on again would come days late
        return CallFailed("This instance is switched off.")
    try:
        async with db.read() as session:
            server = await instances.server(session, row.instance_id)
            quoted = await session.first(QUOTED, instance=row.instance_id, external=row.quoted_message_id)
        media = await attachments.payload(row.media_url) if row.media_url else None
    except (NotFound, Unreadable) as error:
        return CallFailed(str(error) or "The credentials of this instance cannot be read.")
    except (Unavailable, psycopg.OperationalError) as error:
        return NotSent(f"Something that is needed does not answer: {type(error).__name__}.")
    try:
        return await _deliver(server, row, media, _quoted(quoted))
    except CallFailed as error:
        return error


async def _deliver(server: Server, row: Row, media: str | None, quoted: Quoted | None) -> Sent:
    number = str(row.remote_jid if row.is_group else row.phone_number)
    if media is None:
        return await outgoing.send_text(server, number, row.content, quoted=quoted)
    if row.message_type == "audio":
        return await outgoing.send_audio(server, number, audio=media, quoted=quoted)
    return await outgoing.send_media(
        server,
        number,
        kind=row.message_type,
        media=media,
        mimetype=row.media_mimetype,
        caption=attachments.caption(row.message_type, row.content, row.media_filename),
        file_name=row.media_filename,
        quoted=quoted,
    )


def _quoted(row: Row | None) -> Quoted | None:
    if row is None:
        return None
    key = Key(row.message_id, row.remote_jid, row.is_from_me, threads.author(row))
    return Quoted(key, row.content)


async def _settle(db: Database, row: Row, result: Sent | CallFailed) -> None:
    """The outcome must not be lost to a deadlock, a short outage, or its echo, stored at this moment."""
    for attempt in range(TRIES):
        try:
            await _write(db, row, result)
            return
        except (psycopg.OperationalError, psycopg.errors.UniqueViolation) as error:
            log.warning("outcome_not_written", message_id=row.message_id, error=type(error).__name__)
            await asyncio.sleep(0.1 * 10**attempt)


async def _write(db: Database, row: Row, result: Sent | CallFailed) -> None:
    async with db.begin() as session:
        match result:
            case Sent():
                await outcomes.sent(session, row.id, Proof(result.external_id, result.jid or None))
            case Unknown():
                await outcomes.unknown(session, row.id, result.message)
            case NotSent() if (pause := _pause(row, result)) is not None:
                refused = result.upstream_status in (429, 503)
                counts = refused or row.priority not in BULK
                await outcomes.postponed(session, row.id, result.message, pause, counts=counts)
                if refused:
                    await session.run(
                        update(Gate)
                        .where(Gate.instance_id == row.instance_id)
                        .values(paused_until=now() + pause)
                    )
                elif row.priority in BULK:
                    await links.set_status(session, row.instance_id, "disconnected", "send_failed")
            case _:
                await outcomes.failed(session, row.id, result.message)


def _pause(row: Row, result: NotSent) -> timedelta | None:
    """How long to wait before the next attempt; None when it is time to give up."""
    pauses = PAUSES if row.priority == HUMAN else PATIENT_PAUSES
    if row.attempts > len(pauses):
        return None
    if result.retry_after is not None:
        return timedelta(seconds=min(result.retry_after, LONGEST_PAUSE))
    return timedelta(seconds=pauses[row.attempts - 1] * random.uniform(0.8, 1.2))


async def outcome(db: Database, message: str, margin: float = 2.0) -> Row:
    """How a send ended, or how it stands when the caller's time is nearly over."""
    waiter = asyncio.Event()
    _waiters[message].add(waiter)
    try:
        while True:
            async with db.read() as session:
                row = await session.first(STATE, message=message)
            left = context.current().remaining()
            if row is None or row.state in FINAL or (left is not None and left < margin):
                assert row is not None, "the caller has queued it"
                return row
            try:
                await asyncio.wait_for(waiter.wait(), POLL)
            except TimeoutError:
                continue
            waiter.clear()
    finally:
        _waiters[message].discard(waiter)
        if not _waiters[message]:
            del _waiters[message]
