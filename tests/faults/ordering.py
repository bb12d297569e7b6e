"""E6: what happens to a conversation is taken in in its order, whichever of four replicas dies or freezes."""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass

from tests.faults.ground import (
    CONSUMER,
    Ground,
    announce,
    count,
    harm,
    holder,
    redelivered,
    replicas,
    rows,
    until,
)

REPLICAS = ("one", "two", "three", "four")
APPLIED = "select count(distinct (key, number)) from applied"


@dataclass
class Verdict:
    events: int = 0
    lost: int = 0
    doubled: int = 0
    inversions: int = 0
    faults: int = 0
    redelivered: int = 0
    caught_up_after: float = 0.0

    @property
    def is_clean(self) -> bool:
        return self.events > 0 and not self.lost + self.doubled + self.inversions


async def run(
    ground: Ground, seed: int, conversations: int, each: int, *, tempo: float = 1, without: str = ""
) -> Verdict:
    """While they die, `conversations` times `each` events; what follows what is known by its number."""
    chance, verdict = random.Random(seed), Verdict(events=conversations * each)
    async with replicas(ground, REPLICAS, tempo=tempo, fails=0.05, without=without):
        writing = asyncio.create_task(_write(ground, chance, conversations, each, tempo))
        while not writing.done():
            await asyncio.sleep(chance.uniform(1, 4) * tempo)
            await harm(ground, await holder(ground, CONSUMER) or REPLICAS[0], chance, 9 * tempo)
            verdict.faults += 1
        await writing
        verdict.caught_up_after = await until(lambda: _all(ground, verdict.events))
        verdict.redelivered = await redelivered(ground)
    await _judge(ground, verdict)
    return verdict


async def _write(ground: Ground, chance: random.Random, conversations: int, each: int, tempo: float) -> None:
    """Everybody's next two events in a random order, and again, at an even pace over the faults."""
    for number in range(0, each, 2):
        keys = [f"conversation-{one:03d}" for one in range(conversations)]
        chance.shuffle(keys)
        for first in range(0, conversations, 20):
            await announce(
                ground, *((key, one) for key in keys[first : first + 20] for one in (number, number + 1))
            )
        await asyncio.sleep(3 * tempo)


async def _all(ground: Ground, events: int) -> bool:
    return await count(ground, APPLIED) >= events


async def _judge(ground: Ground, verdict: Verdict) -> None:
    taken = await rows(ground, "select key, number from applied order by id")
    times, last = Counter(taken), dict[object, int]()
    verdict.lost = verdict.events - len(times)
    verdict.doubled = sum(times.values()) - len(times)
    for key, number in taken:
        assert isinstance(number, int)
        verdict.inversions += number <= last.get(key, -1)
        last[key] = max(number, last.get(key, -1))
