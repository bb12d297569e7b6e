"""E2: whatever commits beside what, and whichever relay dies, each event is published once and soon."""

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass
from signal import SIGKILL

from nats.errors import Error as NatsError
from nats.js.api import AckPolicy, ConsumerConfig

from protos import messaging_pb2 as pb
from services.kit import outbox
from services.kit.bus import STREAM
from services.kit.tables import new_id
from tests.faults.ground import (
    TOPIC,
    Ground,
    announce,
    count,
    holder,
    percentile,
    replicas,
    rows,
    signal_to,
    until,
)

WRITERS, MOST = 8, 10
WAITING = "select count(*) from outbox where published_at is null"
LEFT = "select extract(epoch from max(published_at)) from outbox where published_at is not null"
TAKEOVER_WITHIN = 10.0


@dataclass
class Verdict:
    committed: int = 0
    missed: int = 0
    doubled: int = 0
    undone: int = 0  # rolled back, and published all the same
    takeover: float = 0.0
    idle_p99: float = 0.0  # seconds from the commit to the note that it is published
    busy_p99: float = 0.0  # with 200 events a second

    @property
    def is_clean(self) -> bool:
        wrong = self.missed + self.doubled + self.undone
        return self.committed > 0 and not wrong and self.takeover <= TAKEOVER_WITHIN


async def run(ground: Ground, seed: int, seconds: float, *, tempo: float = 1) -> Verdict:
    async with replicas(ground, ("relay-one", "relay-two"), tempo=tempo):
        verdict = Verdict()
        await announce(ground, ("warm", 0))
        await until(lambda: _nothing_waits(ground))
        verdict.idle_p99 = await _pace(ground, 40, 0.1)
        verdict.busy_p99 = await _pace(ground, 400, 0.005)
        killing = asyncio.create_task(_kill(ground, seconds / 2))
        written = await _write(ground, seed, seconds)
        verdict.takeover = await killing
        await until(lambda: _nothing_waits(ground))
        found = Counter(await published(ground))
    committed = {key for keys, _ in written for key in keys}
    verdict.committed = len(committed)
    verdict.missed = len(committed - found.keys())
    verdict.undone = len({key for _, keys in written for key in keys} & found.keys())
    verdict.doubled = sum(found[key] - 1 for key in committed & found.keys())
    return verdict


async def control(ground: Ground, seed: int, seconds: float) -> Verdict:
    """A relay that remembers how far it has read."""
    seen: set[str] = set()

    async def follow_ids() -> None:
        last: object = 0
        while True:
            async with ground.db.read() as session:
                found = await session.all(
                    "select id, key from outbox where id > %(last)s order by id", last=last
                )
            seen.update(row.key for row in found)
            last = found[-1].id if found else last
            await asyncio.sleep(0.005)

    async with replicas(ground, ()):
        reading = asyncio.create_task(follow_ids())
        written = await _write(ground, seed, seconds)
        await asyncio.sleep(0.5)
        reading.cancel()
    committed = {key for keys, _ in written for key in keys}
    return Verdict(committed=len(committed), missed=len(committed - seen))


async def _write(ground: Ground, seed: int, seconds: float) -> list[tuple[list[str], list[str]]]:
    end = time.monotonic() + seconds
    return await asyncio.gather(*(_write_until(ground, end, seed + one) for one in range(WRITERS)))


async def _write_until(ground: Ground, end: float, seed: int) -> tuple[list[str], list[str]]:
    """Announce things in transactions that hold on for a while; what was committed, and what was not."""
    chance = random.Random(seed)
    committed: list[str] = []
    undone: list[str] = []
    while time.monotonic() < end:
        keys = [new_id() for _ in range(chance.randint(1, MOST))]
        try:
            async with ground.db.begin() as session:
                await outbox.emit(session, *(pb.ConversationRead(conversation_id=key) for key in keys))
                await asyncio.sleep(chance.uniform(0, 0.05))
                if chance.random() < 0.1:
                    raise KeyError
            committed += keys
        except KeyError:
            undone += keys
    return committed, undone


async def _pace(ground: Ground, number: int, pause: float) -> float:
    """The time in which 99 of 100 commits, one after the other, are noted as published."""
    committed = {}
    for _ in range(number):
        key = new_id()
        await announce(ground, (key, 0))
        committed[key] = time.time()
        await asyncio.sleep(pause)
    await until(lambda: _nothing_waits(ground))
    found = await rows(ground, "select key, extract(epoch from published_at)::float from outbox")
    at = {str(key): float(str(when)) for key, when in found}
    return round(percentile([at[key] - when for key, when in committed.items()], 0.99), 3)


async def _kill(ground: Ground, after: float) -> float:
    """Seconds for which nothing is published once the relay that works has died."""
    await asyncio.sleep(after)
    signal_to(ground, await holder(ground, "relay") or "relay-one", SIGKILL)
    killed = time.time()

    async def is_published_again() -> bool:
        return float(str((await rows(ground, LEFT))[0][0])) > killed + 0.1

    return round(await until(is_published_again), 2)


async def _nothing_waits(ground: Ground) -> bool:
    return not await count(ground, WAITING)


async def published(ground: Ground) -> list[str]:
    """The keys in the stream."""
    unasked = ConsumerConfig(ack_policy=AckPolicy.NONE)
    reading = await ground.bus.stream.pull_subscribe(TOPIC, stream=STREAM, config=unasked)
    keys: list[str] = []
    try:
        while True:
            batch = await reading.fetch(500, timeout=1)
            keys += [pb.ConversationRead.FromString(message.data).conversation_id for message in batch]
    except (NatsError, TimeoutError):
        return keys
