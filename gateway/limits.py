"""How many requests a caller may make.

Counted in memory: Envoy sends a caller always to the same replica, so that the count is exact without a
shared store. When replicas come or go some callers move, and start anew.
"""

import ipaddress
import math
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass

from gateway.cors import Pairs
from services.kit.errors import Refusal
from services.kit.tokens import People

SLOTS = 60  # the window moves in steps; a request counts until its whole step has left
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


class Limiter:
    """At most so many requests in any window of so many seconds, for each caller."""

    def __init__(self, requests: int, window: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.requests = requests
        self.window = window
        self._clock = clock
        self._callers: OrderedDict[str, deque[list[int]]] = OrderedDict()

    def take(self, caller: str) -> Allowance:
        """One more request, if there is room for it; a refused one does not count."""
        now = self._clock() * SLOTS / self.window
        slot = int(now)
        counts = self._counts(caller)
        while counts and counts[0][0] < slot - SLOTS:
            counts.popleft()
        used = sum(count for _, count in counts)
        allowed = used < self.requests
        if allowed and counts and counts[-1][0] == slot:
            counts[-1][1] += 1
        elif allowed:
            counts.append([slot, 1])
        left = (counts[0][0] + SLOTS + 1 - now) * self.window / SLOTS
        return Allowance(
            allowed, self.requests, self.window, self.requests - used - allowed, max(1, math.ceil(left))
        )

    def _counts(self, caller: str) -> deque[list[int]]:
        counts = self._callers.setdefault(caller, deque())
        self._callers.move_to_end(caller)
        if len(self._callers) > REMEMBERED:
            self._callers.popitem(last=False)
        return counts


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
