"""The outbox: what was committed is published, in order, whatever commits beside it."""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from nats.js.api import Header

from protos import messaging_pb2 as pb
from services.kit import outbox, subscriptions
from services.kit.bus import Bus, subject
from services.kit.clock import now
from services.kit.db import Database, Session
from services.kit.leases import end
from services.kit.tables import new_id
from tests.kit.test_subscriptions import consuming, until

MOMENT = timedelta(milliseconds=1)  # what the outbox keeps of a time


@pytest.fixture
async def elsewhere(db: Database, urls: dict[str, str]) -> AsyncIterator[Database]:
    """The same database, as another replica of the service has it."""
    database = Database(urls[db.schema], schema=db.schema)
    await database.open()
    yield database
    await database.close()


@asynccontextmanager
async def hinting(db: Database, bus: Bus) -> AsyncIterator[None]:
    task = asyncio.create_task(outbox.keep_hinting(db, bus))
    yield
    await end([task], patience=1)


@asynccontextmanager
async def relaying(db: Database, bus: Bus) -> AsyncIterator[None]:
    task = asyncio.create_task(outbox.keep_relaying(db, bus))
    await asyncio.sleep(0.2)
    yield
    await end([task], patience=1)


async def seconds_to_publish(db: Database, bus: Bus, times: int) -> list[float]:
    """From the commit to the stream, each time anew and out of step with any poll."""
    arrived = await bus.client.subscribe(subject(pb.ConversationRead.DESCRIPTOR.full_name))
    took = []
    for _ in range(times):
        async with db.begin() as session:
            await outbox.emit(session, pb.ConversationRead(conversation_id=new_id()))
        committed = time.monotonic()
        await arrived.next_msg(timeout=5)
        took.append(time.monotonic() - committed)
        await asyncio.sleep(0.03)
    await arrived.unsubscribe()
    return took


async def published(bus: Bus, after: int) -> list[str]:
    """The keys in the stream, in its order."""
    info = await bus.stream.stream_info("CONVO")
    keys = []
    for sequence in range(after + 1, info.state.last_seq + 1):
        message = await bus.stream.get_msg("CONVO", sequence)
        keys.append(pb.ConversationRead.FromString(message.data or b"").conversation_id)
    return keys


async def emitted(db: Database, bus: Bus, count: int, *, caught_up: bool = True) -> tuple[int, list[str]]:
    """Where the stream ended before, and the keys of what waits now."""
    while caught_up and await outbox.relay(db, bus):
        pass
    before = (await bus.stream.stream_info("CONVO")).state.last_seq
    keys = [new_id() for _ in range(count)]
    async with db.begin() as session:
        await outbox.emit(session, *(pb.ConversationRead(conversation_id=key) for key in keys))
    return before, keys


async def test_what_another_replica_commits_is_published_within_a_quarter_of_a_second(
    db: Database, bus: Bus, elsewhere: Database
) -> None:
    async with relaying(db, bus), hinting(elsewhere, bus):
        took = await seconds_to_publish(elsewhere, bus, 20)

    assert statistics.median(took) < 0.25


async def test_control_without_a_hint_it_waits_for_the_poll(
    db: Database, bus: Bus, elsewhere: Database
) -> None:
    async with relaying(db, bus):
        took = await seconds_to_publish(elsewhere, bus, 5)

    assert 0.25 < statistics.median(took) < 2 * outbox.POLL


async def test_what_is_rolled_back_is_never_published(db: Database, bus: Bus) -> None:
    before = (await bus.stream.stream_info("CONVO")).state.last_seq
    key = new_id()
    try:
        async with db.begin() as session:
            await outbox.emit(session, pb.ConversationRead(conversation_id=key))
            raise KeyError
    except KeyError:
        pass

    while await outbox.relay(db, bus):
        pass

    assert key not in await published(bus, before)


async def test_what_a_lost_stream_held_is_published_once_more(db: Database, bus: Bus) -> None:
    since, keys = now() - MOMENT, [new_id() for _ in range(5)]
    async with db.begin() as session:
        await outbox.emit(session, *(pb.ConversationRead(conversation_id=key) for key in keys))
    while await outbox.relay(db, bus):
        pass
    await bus.stream.delete_stream("CONVO")
    await asyncio.sleep(0.05)
    await bus.ensure_stream()

    made = (await bus.found()).made
    await outbox.refill(db, since=since, before=made)
    while await outbox.relay(db, bus):
        pass

    info = await bus.stream.stream_info("CONVO")
    found = await published(bus, info.state.first_seq - 1)
    assert [key for key in found if key in keys] == keys
    assert await outbox.refill(db, since=since, before=made) == 0


async def test_two_relays_at_once_publish_each_event_once(db: Database, bus: Bus) -> None:
    before, keys = await emitted(db, bus, 50)

    await asyncio.gather(*(outbox.relay(db, bus) for _ in range(3)))

    assert await published(bus, before) == keys


async def test_many_at_once_share_one_write(db: Database, bus: Bus) -> None:
    before, keys = await emitted(db, bus, 40)

    await outbox.relay(db, bus)

    assert await published(bus, before) == keys
    last = await bus.stream.get_msg("CONVO", before + 40)
    assert (last.headers or {})[Header.BATCH_COMMIT] == "1"


async def test_many_of_which_some_were_published_before_are_published_once(db: Database, bus: Bus) -> None:
    before, keys = await emitted(db, bus, 5)
    await outbox.relay(db, bus)
    async with db.write() as session:  # a relay that died between the answer and its note
        await session.run("update outbox set published_at = null where key = any(%(keys)s)", keys=keys)
    _, more = await emitted(db, bus, 40, caught_up=False)

    await outbox.relay(db, bus)

    assert await published(bus, before) == keys + more
    assert not await outbox.relay(db, bus)


async def test_a_stream_from_before_batches_takes_events_one_by_one(db: Database, bus: Bus) -> None:
    config = (await bus.stream.stream_info("CONVO")).config
    await bus.stream.update_stream(config.evolve(allow_atomic=False))
    try:
        before, keys = await emitted(db, bus, 40)
        await outbox.relay(db, bus)
        assert await published(bus, before) == keys
    finally:
        await bus.stream.update_stream(config)


async def test_an_event_carries_its_id_type_subject_and_request(db: Database, session: Session) -> None:
    key = new_id()

    await outbox.emit(session, pb.ConversationRead(conversation_id=key, marked_count=2))

    row = await session.first("select type, key, headers from outbox where key = %(key)s", key=key)
    assert row is not None
    assert row.type == "convo.messaging.v1.ConversationRead"
    assert '"request-id"' in row.headers


async def test_a_lost_stream_is_refilled_and_nothing_has_a_second_effect(db: Database, bus: Bus) -> None:
    since = now() - MOMENT
    keys = [new_id() for _ in range(200)]
    taken: list[str] = []

    async def take(session: Session, event: pb.ConversationRead) -> None:
        taken.append(event.conversation_id)

    line = subscriptions.apply(pb.ConversationRead, take)
    async with db.begin() as session:
        await outbox.emit(session, *(pb.ConversationRead(conversation_id=key) for key in keys))
    while await outbox.relay(db, bus):
        pass
    async with consuming(db, bus, line) as name:
        await until(lambda: is_done(taken, keys[:100]), 45)

    await bus.stream.delete_stream("CONVO")
    await bus.ensure_stream()
    assert await outbox.refill(db, since=since, before=now()) >= len(keys)
    while await outbox.relay(db, bus):
        pass
    async with consuming(db, bus, line, name):
        await until(lambda: is_done(taken, keys), 45)
        await asyncio.sleep(0.5)

    ours = [key for key in taken if key in set(keys)]
    assert sorted(ours) == sorted(keys)


async def is_done(taken: list[str], keys: list[str]) -> bool:
    return set(keys) <= set(taken)
