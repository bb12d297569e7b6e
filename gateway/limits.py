"""How many requests a caller may make.

Counted in memory: Envoy sends a caller always to the same replica, so that the count is exact without a
shared store. When replicas come or go some callers move, and start anew.
"""

import ipaddress
import math
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.cors import Pairs
from services.kit.errors import Refusal
from services.kit.tokens import People

SLOTS = 300  # the window moves in steps: a request counts until its whole step has left
REMEMBERED = 50_000


@dataclass(frozen=True, slots=True)
class Allowance:
    allowed: bool
    limit: int
    window: int
    remaining: int
    reset: int

    @property
    def headers(self) -> Pairs:
        values = {
            b"ratelimit-policy": f"{self.limit};w={self.window}",
            b"ratelimit-limit": str(self.limit),
            b"ratelimit-remaining": str(self.remaining),
            b"ratelimit-reset": str(self.reset),
        }
        return [(name, value.encode()) for name, value in values.items()]


@dataclass(slots=True)
class Count:
    """A caller's requests by slot, oldest first, and all of them."""

    slots: deque[list[int]] = field(default_factory=deque)
    total: int = 0


class Limiter:
    """At most so many requests in any window of so many seconds, for each caller."""

    def __init__(self, requests: int, window: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.requests = requests
        self.window = window
        self._clock = clock
        self._counts: OrderedDict[str, Count] = OrderedDict()

    def take(self, caller: str) -> Allowance:
        """One more request, if there is room for it; a refused one does not count."""
        now = self._clock() * SLOTS / self.window
        count = self._count(caller, int(now))
        allowed = count.total < self.requests
        if allowed:
            if not count.slots or count.slots[-1][0] != int(now):
                count.slots.append([int(now), 0])
            count.slots[-1][1] += 1
            count.total += 1
        reset = math.ceil((count.slots[0][0] + SLOTS + 1 - now) * self.window / SLOTS)
        return Allowance(allowed, self.requests, self.window, self.requests - count.total, reset)

    def _count(self, caller: str, now: int) -> Count:
        """Without what has left the window."""
        count = self._counts.setdefault(caller, Count())
        self._counts.move_to_end(caller)
        if len(self._counts) > REMEMBERED:
            self._counts.popitem(last=False)
        while count.slots and count.slots[0][0] < now - SLOTS:
            count.total -= count.slots.popleft()[1]
        return count


async def caller(authorization: str, address: str, people: People) -> str:
    """The person, or the address of somebody unknown; a whole /64 of IPv6 is one household."""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() == "bearer" and token:
        try:
            return str((await people.verify(token))["sub"])
        except Refusal:
            pass
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address
    return address if known.version == 4 else str(ipaddress.ip_network((known, 64), strict=False))
