"""Events leave in the transaction that made them true, and reach JetStream once it has committed."""

import asyncio
import time
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta

import orjson
from google.protobuf.message import Message
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js.api import Header
from nats.js.errors import APIError, NoStreamResponseError, NotFoundError

from services.kit import context, telemetry
from services.kit.bus import Bus, Found, hints, subject
from services.kit.clock import now, rfc3339
from services.kit.db import Database, Row, Session
from services.kit.log import log
from services.kit.tables import new_id

POLL = 1.0  # for a hint that was lost
BREATH = 0.01
BATCH = 500
TOGETHER = 16  # from here on, one write to the disk for all costs the broker less than one for each
MEASURE_EVERY = 10.0
REFILLED = timedelta(hours=24)

ADD = """
    insert into outbox (event_id, type, key, headers, body)
    select id, type, key, %(headers)s::jsonb, decode(body, 'base64')
    from json_to_recordset(%(rows)s::json) as r(id uuid, type text, key text, body text)
"""
NEXT = """
    select id, event_id, type, key, headers, body from outbox
    where published_at is null order by id limit %(limit)s
"""
WAITING = """
    select count(*), coalesce(extract(epoch from clock_timestamp() - min(created_at)), 0)::float as age
    from outbox where published_at is null
"""
AGAIN = """
    update outbox set published_at = null, headers = headers || '{"again": "true"}'
    where created_at >= %(since)s and published_at < %(before)s
"""
# Nobody waits for the disk: what a crash forgets is published once more.
DONE = """
    with hurry as materialized (select set_config('synchronous_commit', 'off', true))
    update outbox set published_at = clock_timestamp() from hurry where id = any(%(ids)s)
"""


async def emit(session: Session, *events: Message) -> None:
    """Announce what this transaction made true.

    An event's first field names what it is about: events about the same thing stay in order.
    """
    if not events:
        return
    await session.run(ADD, rows=orjson.dumps([*map(_row, events)]).decode(), headers=_headers())
    session.announced = True


def _row(event: Message) -> dict[str, str]:
    """As JSON, which costs a quarter of what arrays do."""
    kind = event.DESCRIPTOR
    return {
        "id": new_id(),
        "type": kind.full_name,
        "key": str(getattr(event, kind.fields[0].name)),
        "body": b64encode(event.SerializeToString()).decode(),
    }


def _headers() -> str:
    current = context.current()
    return orjson.dumps(
        {"time": rfc3339(now()), "request-id": current.request_id, "traceparent": current.traceparent}
    ).decode()


async def relay(db: Database, bus: Bus) -> int:
    """Publish a batch, oldest first. Repeating it is harmless: JetStream and consumers know what they saw."""
    async with db.read() as session:
        batch = await session.all(NEXT, limit=BATCH)
    if not batch:
        return 0
    await _publish(bus, batch)
    async with db.write() as session:
        await session.run(DONE, ids=[row.id for row in batch])
    return len(batch)


async def refill(db: Database, *, since: datetime, before: datetime) -> int:
    """What was made since then and published before goes out once more: into a stream that was lost.

    Consumers know what they saw; it is for those that had not seen it all.
    """
    async with db.begin() as session:
        count = await session.run(AGAIN, since=since, before=before)
        session.announced = count > 0
    if count:
        log.warning("stream_refilled", events=count)
    return count


async def _audit(db: Database, bus: Bus, known: Found) -> Found:
    """Refill the stream where it has lost something: all of it, or what a damaged file held.

    The server says nothing of the latter, and its health is good.
    """
    found = await bus.found()
    if found.lost > known.lost:
        telemetry.STREAM_LOST.inc(found.lost - known.lost)
        log.error("stream_lost_events", events=found.lost - known.lost)
        await refill(db, since=now() - REFILLED, before=now())
    elif found.made != known.made:
        await refill(db, since=found.made - REFILLED, before=found.made)
    return found


async def _measure(db: Database) -> None:
    async with db.read() as session:
        waiting = await session.first(WAITING)
    assert waiting is not None
    telemetry.OUTBOX_WAITING.set(waiting.count)
    telemetry.OUTBOX_AGE.set(waiting.age)


async def _publish(bus: Bus, rows: Sequence[Row]) -> None:
    if len(rows) >= TOGETHER:
        try:
            await asyncio.create_task(_together(bus, rows))
            return
        except APIError as error:  # some were published before, or the stream is of a time before batches
            log.info("batch_refused", error=type(error).__name__, events=len(rows))
    await asyncio.gather(*(_alone(bus, row) for row in rows))


async def _together(bus: Bus, rows: Sequence[Row]) -> None:
    """All or none, with one write to the disk before the one answer."""
    batch = new_id()
    *firsts, last = rows
    for number, row in enumerate(firsts, 1):
        with _headers_of(row) as headers:
            headers |= {Header.BATCH_ID: batch, Header.BATCH_SEQUENCE: str(number)}
            await bus.client.publish(subject(row.type), row.body, headers=headers)
    with _headers_of(last) as headers:
        headers |= {Header.BATCH_ID: batch, Header.BATCH_SEQUENCE: str(len(rows)), Header.BATCH_COMMIT: "1"}
        stored = await bus.stream.publish(subject(last.type), last.body, headers=headers)
    bus.follow(stored.seq - len(firsts), stored.seq)


async def _alone(bus: Bus, row: Row) -> None:
    with _headers_of(row) as headers:
        stored = await bus.stream.publish(subject(row.type), row.body, headers=headers)
    if not stored.duplicate:
        bus.follow(stored.seq, stored.seq)


@contextmanager
def _headers_of(row: Row) -> Iterator[dict[str, str]]:
    """In the trace of what made the event true."""
    told = orjson.loads(row.headers)
    context.enter(context.Context(told.get("request-id", ""), told.get("traceparent") or context.new_trace()))
    with telemetry.span(f"publish {row.type}", event_id=row.event_id):
        yield {
            "Nats-Msg-Id": row.event_id,
            "ce-id": row.event_id,
            "ce-type": row.type,
            "ce-subject": row.key,
            **{f"ce-{name}": value for name, value in told.items()},
            "ce-traceparent": context.current().traceparent,
        }


async def keep_hinting(db: Database, bus: Bus) -> None:
    """In every replica: tell the one that relays that something waits, at once and then once for many."""
    while True:
        await db.committed.wait()
        db.committed.clear()
        with suppress(NatsError, OSError):
            await bus.client.publish(hints(db.schema))
        await asyncio.sleep(BREATH)


async def keep_relaying(db: Database, bus: Bus) -> None:
    """Woken by the hints of every replica, and once a second in case that one was lost."""
    hinted = asyncio.Event()

    async def wake(_: Msg) -> None:
        hinted.set()

    subscription = await bus.client.subscribe(hints(db.schema), cb=wake)
    try:
        await _keep_relaying(db, bus, hinted)
    finally:
        with suppress(NatsError, OSError):
            await subscription.unsubscribe()
        telemetry.OUTBOX_WAITING.set(0)  # whoever relays now says how much waits
        telemetry.OUTBOX_AGE.set(0)


async def _keep_relaying(db: Database, bus: Bus, hinted: asyncio.Event) -> None:
    measured = 0.0
    known = Found(datetime.min.replace(tzinfo=UTC), 0)
    while True:
        due = time.monotonic() - measured > MEASURE_EVERY
        if due:
            measured = time.monotonic()
            await _measure(db)
        hinted.clear()
        try:
            if due:
                known = await _audit(db, bus, known)
            while await relay(db, bus) == BATCH:
                pass
        except (NoStreamResponseError, NotFoundError):
            await bus.ensure_stream()
        except (NatsError, TimeoutError, OSError) as error:
            log.warning("relay_waits", error=type(error).__name__)
            await asyncio.sleep(1)
        with suppress(TimeoutError):
            async with asyncio.timeout(POLL):
                await hinted.wait()
