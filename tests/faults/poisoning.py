"""E7: one event in a hundred cannot be read, fails, hangs or kills its process, and holds nobody up."""

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass

from protos import messaging_pb2 as pb
from services.kit import dead, subscriptions
from services.kit.db import Row, Session
from services.kit.tables import new_id
from tests.faults import replica
from tests.faults.ground import (
    CONSUMER,
    TOPIC,
    Ground,
    announce,
    count,
    percentile,
    replicas,
    rows,
    until,
)

KINDS = ("unreadable", "fails", "hangs", "dies")
RATE = 100  # events a second
ATTEMPTS = 5
LETTERS = f"select count(*) from dead_letters where consumer = '{CONSUMER}' and replayed_at is null"


@dataclass
class Verdict:
    events: int = 0
    poison: int = 0
    lost: int = 0  # healthy events without an effect
    doubled: int = 0
    unburied: int = 0
    innocent: int = 0  # healthy events among the dead
    attempts: int = 0  # the most of any
    unrisen: int = 0
    baseline_p99: float = 0.0
    healthy_p99: float = 0.0  # beside what is unreadable, fails or hangs
    crashing_p99: float = 0.0  # beside what kills the process that takes it

    @property
    def is_clean(self) -> bool:
        wrong = self.lost + self.doubled + self.unburied + self.innocent + self.unrisen
        return self.poison > 0 and not wrong and self.attempts <= ATTEMPTS


async def run(
    ground: Ground, seed: int, events: int, *, tempo: float = 1, patience: float = 400, without: str = ""
) -> Verdict:
    chance = random.Random(seed)
    phases = (("calm", events, ()), ("poisoned", events, KINDS[:3]), ("killed", events // 3, KINDS[3:]))
    verdict = Verdict(events=sum(number for _, number, _ in phases))
    sent: dict[str, dict[tuple[str, int], float]] = {}
    async with replicas(ground, ("one", "two"), tempo=tempo, without=without):
        await announce(ground, ("warm", 0))
        await until(lambda: _reaches(ground, "select count(*) from applied", 1))
        for phase, number, kinds in phases:
            sent[phase] = await _write(ground, chance, phase, number, kinds)
            verdict.poison += number // 100 if kinds else 0
            await until(lambda: _reaches(ground, LETTERS, verdict.poison), patience)
        healthy = "select count(*) from applied where key like 'healthy-%%'"
        await until(lambda: _reaches(ground, healthy, verdict.events), patience)
    await _judge(ground, verdict, sent)
    return verdict


async def _write(
    ground: Ground, chance: random.Random, phase: str, events: int, kinds: tuple[str, ...]
) -> dict[tuple[str, int], float]:
    """Healthy events at an even pace, and one poisonous in a hundred; when each was announced."""
    sent, began = {}, time.monotonic()
    for number in range(events):
        event = f"healthy-{phase}-{chance.randrange(50):02d}", number
        sent[event] = time.time()
        await announce(ground, event)
        if kinds and number % 100 == 50:
            await _poison(ground, kinds[number // 100 % len(kinds)], number)
        await asyncio.sleep(max(0, began + number / RATE - time.monotonic()))
    return sent


async def _poison(ground: Ground, kind: str, number: int) -> None:
    if kind != "unreadable":
        await announce(ground, (f"{kind}-{number}", number))
        return
    id = new_id()
    headers = {
        "Nats-Msg-Id": id, "ce-id": id, "ce-type": pb.ConversationRead.DESCRIPTOR.full_name, "ce-subject": id,
    }  # fmt: skip
    await ground.bus.stream.publish(TOPIC, b"\xff poison", headers=headers)


async def _reaches(ground: Ground, statement: str, number: int) -> bool:
    return await count(ground, statement) >= number


async def _judge(ground: Ground, verdict: Verdict, sent: dict[str, dict[tuple[str, int], float]]) -> None:
    taken = await rows(ground, "select key, number, at from applied where key like 'healthy-%%'")
    at = {(str(key), number): when for key, number, when in taken}
    times = Counter((key, number) for key, number, _ in taken)
    expected = {event: when for phase in sent.values() for event, when in phase.items()}
    verdict.lost = len(expected.keys() - at.keys())
    verdict.doubled = sum(times.values()) - len(times)
    for name, phase in zip(("baseline", "healthy", "crashing"), sent.values(), strict=True):
        waits = [at[event] - when for event, when in phase.items() if event in at]  # type: ignore[operator]
        setattr(verdict, f"{name}_p99", round(percentile(waits, 0.99), 3))
    letters = await dead.listing(ground.db)
    bodies = {letter.id: letter for letter in await dead.bodies(ground.db)}
    innocent = [one for one in bodies.values() if b"healthy-" in one.body]
    verdict.innocent = len(innocent)
    verdict.unburied = verdict.poison - (len(letters) - len(innocent))
    verdict.attempts = max((one.attempts for one in letters), default=0)
    verdict.unrisen = await _mend(ground, [one for one in bodies.values() if b"poison" not in one.body])


async def _mend(ground: Ground, letters: list[Row]) -> int:
    """How many of what could be read do not rise, once what was wrong with them is mended."""

    async def take(session: Session, event: pb.ConversationRead) -> None:
        await session.run(replica.TAKE, key=event.conversation_id, number=event.marked_count)

    line = subscriptions.apply(pb.ConversationRead, take)
    for letter in letters:
        await subscriptions.handle(ground.db, line, letter.consumer, letter.body, letter.event_id)
        await dead.rise(ground.db, letter.id)
    risen = "select count(*) from applied where key similar to '(fails|hangs|dies)-%%'"
    return len(letters) - await count(ground, risen)
