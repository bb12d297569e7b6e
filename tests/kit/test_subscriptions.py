"""Consumers: one effect an event, order within a thing, dead letters for what keeps failing."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from protos import messaging_pb2 as pb
from services.kit import dead, outbox, patience, subscriptions
from services.kit.bus import Bus
from services.kit.db import Database, Session
from services.kit.errors import Unavailable
from services.kit.subscriptions import Consumer, Subscription
from services.kit.tables import new_id


@asynccontextmanager
async def consuming(db: Database, bus: Bus, line: Subscription, name: str = "") -> AsyncIterator[str]:
    """A consumer of its own for this test, or one that was there before."""
    consumer = Consumer(db, bus, f"kit-{new_id()}", line)
    consumer.name = name or consumer.name
    running = asyncio.create_task(consumer.run())
    try:
        yield consumer.name
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def announce(db: Database, bus: Bus, *events: pb.ConversationRead) -> None:
    async with db.begin() as session:
        await outbox.emit(session, *events)
    while await outbox.relay(db, bus):
        pass


async def until(true: Callable[[], Awaitable[bool]], seconds: float = 15) -> None:
    async with asyncio.timeout(seconds):
        while not await true():  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_an_event_that_comes_again_has_one_effect(db: Database, bus: Bus) -> None:
    key = new_id()
    seen: list[str] = []

    async def take(session: Session, event: pb.ConversationRead) -> None:
        seen.append(event.conversation_id)

    line = subscriptions.apply(pb.ConversationRead, take)
    body = pb.ConversationRead(conversation_id=key).SerializeToString()
    event = new_id()

    await asyncio.gather(*(subscriptions.handle(db, line, "again", body, event) for _ in range(10)))

    assert seen == [key]


async def test_events_about_one_thing_stay_in_order_while_one_is_tried_again(db: Database, bus: Bus) -> None:
    key, other = new_id(), new_id()
    taken: list[tuple[str, int]] = []
    failures = {0: 2}

    async def take(_: Database, event: pb.ConversationRead) -> None:
        if event.conversation_id == key and failures.get(event.marked_count, 0):
            failures[event.marked_count] -= 1
            raise Unavailable
        taken.append((event.conversation_id, event.marked_count))

    async with consuming(db, bus, subscriptions.react(pb.ConversationRead, take)):
        events = [
            pb.ConversationRead(conversation_id=k, marked_count=n) for n in range(5) for k in (key, other)
        ]
        await announce(db, bus, *events)

        await until(lambda: _true(len([one for one in taken if one[0] in (key, other)]) == 10))

    assert [count for name, count in taken if name == key] == [0, 1, 2, 3, 4]


async def test_events_of_one_moment_share_a_transaction_and_only_the_poison_among_them_dies(
    db: Database, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "PAUSES", (0.01,))
    poison, keys = new_id(), [new_id() for _ in range(20)]
    taken: list[str] = []
    transactions: set[str] = set()

    async def take(session: Session, event: pb.ConversationRead) -> None:
        if event.conversation_id == poison:
            raise KeyError
        if event.conversation_id in keys:
            transactions.add(str(await session.scalar("select pg_current_xact_id()::text")))
            taken.append(event.conversation_id)

    line = subscriptions.apply(pb.ConversationRead, take)
    await announce(db, bus, *(pb.ConversationRead(conversation_id=key) for key in keys))
    async with consuming(db, bus, line):
        await until(lambda: _true(len(taken) == 20))
    assert taken == keys
    assert len(transactions) <= 2  # what was fetched together may end among them

    taken.clear()
    await announce(db, bus, *(pb.ConversationRead(conversation_id=key) for key in (poison, *keys)))
    async with consuming(db, bus, line) as name:
        await until(lambda: _buried(db, name))
        await until(lambda: _seen(db, name, 40))


async def test_what_keeps_failing_becomes_a_dead_letter_and_rises_again(
    db: Database, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "PAUSES", (0.01, 0.01))
    key = new_id()
    broken = True
    taken: list[str] = []

    async def take(_: Database, event: pb.ConversationRead) -> None:
        if event.conversation_id == key and broken:
            raise KeyError
        taken.append(event.conversation_id)

    line = subscriptions.react(pb.ConversationRead, take)
    async with consuming(db, bus, line) as name:
        await announce(db, bus, pb.ConversationRead(conversation_id=key))

        await until(lambda: _buried(db, name))

    (letter,) = [one for one in await dead.bodies(db) if one.consumer == name]
    broken = False
    await subscriptions.handle(db, line, name, letter.body, letter.event_id)
    await dead.rise(db, letter.id)
    assert taken[-1] == key
    assert not await _buried(db, name)


async def _true(value: bool) -> bool:
    return value


async def _seen(db: Database, consumer: str, at_least: int) -> bool:
    async with db.read() as session:
        count = await session.scalar("select count(*) from inbox where consumer = %(name)s", name=consumer)
    return bool(count >= at_least)


async def _buried(db: Database, consumer: str) -> bool:
    return any(letter.consumer == consumer for letter in await dead.listing(db))
