"""How the simulated Evolution misbehaves, and how it posts webhooks: each alone, repeated, in no order."""

import asyncio
import json
import random
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field

import httpx2

from tests.fakes import evolution_payloads as payloads
from tests.fakes.evolution_payloads import Json

NEVER_AGAIN = {400, 401, 403, 404, 422}  # Evolution 2.3 drops an event for good at these answers


@dataclass
class Fault:
    """One misbehaviour of the next calls whose path starts with `verb`.

    Not accepted: `status`, `closed` (400), `graph` (201 with an error), `keyless` (201), `drop` (cut).
    Accepted: `slow` (first waits), `late` (then waits), `cut`, `half` (cut in the middle of the answer),
    `twice` (answers two times), `garbage` (no JSON), `fail` (`status`).
    `ghost` answers 201 and delivers nothing.
    """

    kind: str
    verb: str = "message/"
    times: int = 1
    seconds: float = 0.0
    status: int = 500
    retry_after: int | None = None


@dataclass
class Plan:
    """How Evolution behaves. `echo` comes first (before the answer), beside it or never."""

    faults: list[Fault] = field(default_factory=list)
    echo: str = "beside"
    copies: int = 1
    reverse: int = 0
    noise: bool = True
    statuses: list[str] = field(default_factory=lambda: ["SERVER_ACK", "DELIVERY_ACK"])
    status_delay: float = 0.02
    retry_delay: float = 5.0
    retry_cap: float = 300.0
    retry_attempts: int = 10
    webhook_timeout: float = 30.0

    def take(self, verb: str) -> Fault | None:
        fault = next((one for one in self.faults if verb.startswith(one.verb)), None)
        if fault:
            fault.times -= 1
            if fault.times <= 0:
                self.faults.remove(fault)
        return fault


@dataclass(frozen=True)
class Delivery:
    event: str
    instance: str
    attempt: int
    status: int | None
    at: float


class Webhooks:
    def __init__(self, changed: Callable[[], None]) -> None:
        self.plan = Plan()
        self.deliveries: list[Delivery] = []
        self.tasks: set[asyncio.Task[None]] = set()
        self._changed = changed
        self._held: list[Callable[[], asyncio.Task[None]]] = []
        self._client = httpx2.AsyncClient(trust_env=False, headers={"user-agent": "axios/1.12.2"})

    async def close(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self._client.aclose()

    def post(self, hook: Json | None, envelope: Json) -> asyncio.Task[None] | None:
        """Every event goes its own way, at once; nobody waits for another. None if it is not (yet) sent."""
        event = envelope["event"]
        if not hook or not hook["enabled"]:
            return None
        if hook["events"] and event.replace(".", "_").replace("-", "_").upper() not in hook["events"]:
            return None
        envelope |= {"destination": hook["url"], "date_time": payloads.date_time()}
        body = json.dumps(envelope, ensure_ascii=False).encode()
        url = hook["url"] + (f"/{event.replace('.', '-')}" if hook["byEvents"] else "")
        headers = {"content-type": "application/json", **hook["headers"]}

        def start() -> asyncio.Task[None]:
            for _ in range(self.plan.copies - 1):
                self.spawn(self._deliver(envelope, url, headers, body))
            return self.spawn(self._deliver(envelope, url, headers, body))

        if not self.plan.reverse:
            return start()
        self._held.insert(0, start)
        if len(self._held) >= self.plan.reverse:
            self.spawn(self._release())
        return None

    async def _release(self) -> None:
        """The held ones, the last first, each after the one before it has arrived."""
        held, self._held, self.plan.reverse = self._held, [], 0
        for start in held:
            await asyncio.wait([start()])

    async def _deliver(self, envelope: Json, url: str, headers: Json, body: bytes) -> None:
        plan, delay = self.plan, self.plan.retry_delay
        for attempt in range(1, plan.retry_attempts + 1):
            status = await self._attempt(url, headers, body)
            made = Delivery(envelope["event"], envelope["instance"], attempt, status, time.time())
            self.deliveries.append(made)
            if status is not None and (status < 300 or status in NEVER_AGAIN):
                return
            await asyncio.sleep(max(plan.retry_delay, delay * random.uniform(0.8, 1.2)))
            delay = min(delay * 2, plan.retry_cap)

    async def _attempt(self, url: str, headers: Json, body: bytes) -> int | None:
        timeout = self.plan.webhook_timeout
        try:
            answer = await self._client.post(url, content=body, headers=headers, timeout=timeout)
        except httpx2.HTTPError:
            return None
        return answer.status_code

    def spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        self._changed()
