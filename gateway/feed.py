"""One reading of the event stream for the whole process, kept for a while.

Nothing is read while nobody listens. A listener holds a place in the stream, not a queue: what it has not
taken yet lies here once for all, and who falls behind what is kept reads the stream for himself.
"""

import asyncio
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from gateway import stream
from gateway.audiences import Listener
from gateway.sight import Sight, Told
from gateway.stream import Lost
from services.kit import context
from services.kit.bus import Bus

KEPT = 2000
KEPT_BYTES = 8 * 1024 * 1024
TOGETHER = 200
TOGETHER_BYTES = 128 * 1024  # what a reader that sleeps holds
PAUSE = 0.02  # events of the same moment travel together
LINGERS = 30.0  # seconds that reading goes on when the last listener has gone
READING_AT_ONCE = 4


@dataclass(eq=False, slots=True)
class Place:
    """Where a listener is in the stream."""

    listener: Listener
    position: int
    news: asyncio.Event = field(default_factory=asyncio.Event)


class Feed:
    def __init__(self, bus: Bus, sight: Sight) -> None:
        self.bus = bus
        self.sight = sight
        self.places: set[Place] = set()
        self._reading: asyncio.Task[None] | None = None
        self._turns = asyncio.Semaphore(READING_AT_ONCE)
        self._forget()

    def _forget(self) -> None:
        self.entries: list[Told] = []
        self.size = 0
        self.since = self.upto = 0  # every event after the one and up to the other is in `entries`

    @contextmanager
    def listening(self, place: Place) -> Iterator[None]:
        self.places.add(place)
        if self._reading is None:
            self._reading = asyncio.create_task(self._read())
        try:
            yield
        finally:
            self.places.discard(place)
            if not self.places:
                asyncio.get_running_loop().call_later(LINGERS, self._rest)

    def _rest(self) -> None:
        if self._reading and not self.places:
            self._reading.cancel()
            self._reading = None
            self._forget()

    def wake(self) -> None:
        """Everybody looks at the world again."""
        for place in self.places:
            place.news.set()

    async def now(self) -> int:
        return (await stream.state(self.bus)).last_seq

    async def after(self, position: int) -> tuple[list[Told], int]:
        """Some of the events after a place, and the place behind them."""
        if self.upto and self.since <= position <= self.upto:
            start = bisect_right(self.entries, position, key=lambda told: told.sequence)
            found = _some(self.entries, start)
            return found, found[-1].sequence if start + len(found) < len(self.entries) else self.upto
        async with self._turns:
            return await self._past(position)

    async def _past(self, position: int) -> tuple[list[Told], int]:
        """From the stream itself: a place that is older than what is kept here, or not read here yet."""
        if position == (await stream.state(self.bus)).last_seq:
            return [], position
        async for batch in stream.follow(self.bus, position):
            return await self.sight.take(batch), stream.place(batch[-1])
        raise AssertionError("follow never ends")

    async def _read(self) -> None:
        context.enter(context.Context())
        while True:
            try:
                known = await stream.state(self.bus)
                self.since = self.upto = max(known.last_seq - KEPT // 2, known.first_seq - 1)
                async for batch in stream.follow(self.bus, self.upto):
                    self._add(await self.sight.take(batch), stream.place(batch[-1]))
                    await asyncio.sleep(PAUSE)
            except Lost:
                pass
            except stream.TROUBLE:
                await asyncio.sleep(0.5)
            self._forget()
            self.wake()

    def _add(self, fresh: list[Told], upto: int) -> None:
        before, self.upto = self.upto, upto
        self.entries += fresh
        self.size += sum(told.size for told in fresh)
        excess = 0
        while len(self.entries) - excess > KEPT or self.size > KEPT_BYTES:
            self.size -= self.entries[excess].size
            self.since = self.entries[excess].sequence
            excess += 1
        del self.entries[:excess]
        for place in self.places:
            if any(told.sequence > place.position and self.sight.of(place.listener, told) for told in fresh):
                place.news.set()
            elif place.position == before:
                place.position = upto


def _some(entries: list[Told], start: int) -> list[Told]:
    """As many as go out together, and at least one if there is one."""
    size = 0
    for number in range(start, min(len(entries), start + TOGETHER)):
        size += entries[number].size
        if size > TOGETHER_BYTES:
            return entries[start : max(number, start + 1)]
    return entries[start : start + TOGETHER]
