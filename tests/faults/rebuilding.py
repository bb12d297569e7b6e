"""E4: NATS comes back without its store, or with one bit of it turned over, and nothing is missing."""

import asyncio
import random
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from signal import SIGCONT, SIGSTOP
from typing import Any, Protocol

from services.kit.bus import STREAM
from tests.faults.ground import (
    PATIENCE,
    Ground,
    announce,
    count,
    logged,
    replicas,
    restart_nats,
    signal_to,
    until,
)

WAITING = "select count(*) from outbox where published_at is null"
TAKEN = "select count(distinct (key, number)) from applied"
ALARM_WITHIN = 60.0
TOGETHER = 100


@dataclass
class Verdict:
    events: int = 0
    gone: int = 0  # from the stream
    missing: int = 0
    doubled: int = 0
    alarm_after: float = 0.0
    taken_after: float = 0.0  # seconds, everything that a consumer had not seen
    again: int = 0
    per_second: int = 0  # of what went out again

    @property
    def is_clean(self) -> bool:
        return self.gone > 0 and not self.missing + self.doubled and self.alarm_after <= ALARM_WITHIN


class Damaged(Protocol):
    async def __call__(
        self, ground: Ground, seed: int, events: int, *, tempo: float = 1, without: str = ""
    ) -> Verdict: ...


async def deleted(ground: Ground, seed: int, events: int, *, tempo: float = 1, without: str = "") -> Verdict:
    manner = {"tempo": tempo, "without": without}
    return await _run(ground, events, shutil.rmtree, "stream_refilled", manner)


async def flipped(ground: Ground, seed: int, events: int, *, tempo: float = 1, without: str = "") -> Verdict:
    chance = random.Random(seed)
    manner = {"tempo": tempo, "without": without}
    return await _run(ground, events, lambda store: flip(store, chance), "stream_lost_events", manner)


def flip(store: Path, chance: random.Random) -> None:
    """One bit, in the first half of a block of messages."""
    block = max(store.rglob(f"{STREAM}/msgs/*.blk"), key=lambda path: path.stat().st_size)
    octets = bytearray(block.read_bytes())
    octets[chance.randrange(len(octets) // 4, len(octets) // 2)] ^= 1 << chance.randrange(8)
    block.write_bytes(octets)


async def _run(
    ground: Ground, events: int, damage: Callable[[Path], None], alarm: str, manner: dict[str, Any]
) -> Verdict:
    """Half of them are seen before; whoever should see the others is frozen until the stream is back."""
    verdict = Verdict(events=events)
    in_vain = 5.0 if manner["without"] else PATIENCE  # the control waits no longer
    async with replicas(ground, ("relay", "take"), **manner):
        await _write(ground, 0, events // 2)
        await until(lambda: _is(ground, TAKEN, events // 2))
        signal_to(ground, "take", SIGSTOP)
        await _write(ground, events // 2, events)
        await until(lambda: _is(ground, WAITING, 0))
        last = (await ground.bus.stream.stream_info(STREAM)).state.last_seq
        await restart_nats(ground, damage)
        began = time.monotonic()
        verdict.gone = await _gone(ground, last, events)
        verdict.alarm_after = round(await until(lambda: _is_told(ground, alarm), in_vain), 2)
        signal_to(ground, "take", SIGCONT)
        verdict.again = await count(ground, "select count(*) from outbox where headers ? 'again'")
        sent = time.monotonic()
        await until(lambda: _is(ground, WAITING, 0))
        verdict.per_second = round(verdict.again / max(0.1, time.monotonic() - sent))
        await until(lambda: _is(ground, TAKEN, events), in_vain)
        verdict.taken_after = round(time.monotonic() - began, 2)
        await asyncio.sleep(0.5)
    verdict.missing = events - await count(ground, TAKEN)
    verdict.doubled = await count(ground, "select count(*) from applied") - (events - verdict.missing)
    if not logged(ground, alarm):
        verdict.alarm_after = float("inf")
    return verdict


async def _write(ground: Ground, first: int, end: int) -> None:
    for start in range(first, end, TOGETHER):
        numbers = range(start, min(end, start + TOGETHER))
        await announce(ground, *((f"conversation-{number % 50:02d}", number) for number in numbers))


async def _gone(ground: Ground, last: int, events: int) -> int:
    """How many of them the server does not have any more, before anybody has told it again."""
    for _ in range(50):
        try:
            state = (await ground.bus.stream.stream_info(STREAM)).state
            return max(0, events - state.messages) if state.last_seq <= last else events
        except Exception:  # noqa: BLE001 - not there, or not any more
            await asyncio.sleep(0.1)
    return events


async def _is(ground: Ground, statement: str, number: int) -> bool:
    return await count(ground, statement) == number


async def _is_told(ground: Ground, alarm: str) -> bool:
    return logged(ground, alarm) > 0
