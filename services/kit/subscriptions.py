"""Events in: each line of a service's table is a durable consumer of its own.

Events about the same thing are taken one after the other, others side by side. A handler that fails is
tried again in place, so that order holds; what keeps failing becomes a dead letter. What goes into tables
shares a transaction with what came at the same time, and goes alone only where that fails.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from google.protobuf.message import Message
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js.api import AckPolicy, ConsumerConfig, ConsumerInfo
from nats.js.errors import APIError, FetchTimeoutError

from services.kit import context, dead, patience, telemetry
from services.kit.bus import STREAM, Bus, subject
from services.kit.db import Database, Session
from services.kit.leases import Work
from services.kit.log import log

Event = TypeVar("Event", bound=Message)

ACK_WAIT = 15.0
HEARTBEAT = 5.0
HANDLING_LIMIT = 60.0
TAKING_LIMIT = 10.0  # a handler that only writes into tables and has not ended hangs
MOMENT = 0.25  # among others: one that hangs costs them no more
SUSPECT = 3  # deliveries: one process may end in any way, two in a row need a reason
DEATHS = 3  # of processes that had it in hand, and nothing else that was suspected
FETCH = 4.0  # what is on its way to a process that froze arrives before its lease is over
RECALL = 0.1
MOST_TOGETHER = 100
FINISH = 3.5  # less than a lease lives on
HURRY = 0.5  # when the lease is somebody else's in a moment

SEEN = """
    insert into inbox (consumer, event_id) select %(consumer)s, event from unnest(%(events)s::uuid[]) as event
    on conflict do nothing returning event_id
"""


@dataclass(frozen=True)
class Subscription:
    event: type[Message]
    fn: Callable[..., Awaitable[None]]
    once: bool
    lanes: int

    def durable(self, service: str) -> str:
        return f"{service}-{self.fn.__module__.rsplit('.', 1)[-1]}-{self.fn.__name__}".replace("_", "-")


def apply(event: type[Event], fn: Callable[[Session, Event], Awaitable[None]]) -> Subscription:
    """Takes an event in: exactly one effect, in one transaction with the note that it was seen."""
    return Subscription(event, fn, once=True, lanes=8)


def react(
    event: type[Event], fn: Callable[[Database, Event], Awaitable[None]], lanes: int = 64
) -> Subscription:
    """Goes outside: at least once, so it must bear repeating."""
    return Subscription(event, fn, once=False, lanes=lanes)


def works(db: Database, bus: Bus, service: str, lines: list[Subscription]) -> dict[str, Work]:
    return {line.durable(service): lambda line=line: Consumer(db, bus, service, line).run() for line in lines}  # type: ignore[misc]


class Consumer:
    """One line of the table at work in one process."""

    def __init__(self, db: Database, bus: Bus, service: str, line: Subscription) -> None:
        self.db = db
        self.bus = bus
        self.line = line
        self.name = line.durable(service)
        self.queues: dict[str, deque[Msg]] = {}
        self.free = asyncio.Semaphore(line.lanes)
        self.alone = asyncio.Lock()
        self.tasks: set[asyncio.Task[None]] = set()
        self.leaving = False
        self.fetched: deque[Msg] = deque()
        self.unhandled: list[Msg] = []

    async def run(self) -> None:
        heart = asyncio.create_task(self._beat())
        try:
            while not _is_cancelled():
                try:
                    await self._pull()
                except (APIError, NatsError, TimeoutError, OSError) as error:
                    log.warning("consumer_waits", consumer=self.name, error=type(error).__name__)
                    await asyncio.sleep(0.5)
        finally:
            await self._leave()
            telemetry.BEHIND.labels(self.name).set(0)  # whoever is next says how far behind it is
            heart.cancel()
            await asyncio.gather(heart, return_exceptions=True)

    async def _leave(self) -> None:
        """Finish what is at work; the rest goes back at once and in order, to whoever is next."""
        self.leaving = True
        if self.tasks:
            await asyncio.wait(self.tasks, timeout=FINISH if self.bus.leaving else HURRY)
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        with suppress(NatsError, OSError):
            for message in sorted(
                [*self.unhandled, *self.fetched], key=lambda one: one.metadata.sequence.stream
            ):
                await message.nak()

    async def _pull(self) -> None:
        config = ConsumerConfig(
            ack_policy=AckPolicy.EXPLICIT, ack_wait=ACK_WAIT, max_deliver=-1, max_ack_pending=2000
        )
        topic = subject(self.line.event.DESCRIPTOR.full_name)
        pull = await self.bus.stream.pull_subscribe(topic, durable=self.name, stream=STREAM, config=config)
        try:
            await self._recall(await pull.consumer_info())
            while not _is_cancelled():
                try:
                    batch = await pull.fetch(MOST_TOGETHER, timeout=FETCH)
                except (FetchTimeoutError, TimeoutError):
                    batch = []
                left = batch[-1].metadata.num_pending if batch else 0
                telemetry.BEHIND.labels(self.name).set(left or 0)
                self.fetched = deque(batch)
                if self.line.once:
                    self.fetched = deque(await self._take_together(batch))
                while self.fetched:
                    await self._enqueue(self.fetched[0])
                    self.fetched.popleft()
        finally:
            await pull.unsubscribe()

    async def _recall(self, info: ConsumerInfo) -> None:
        """What was given to whoever held this before, and is not done, comes at once and first.

        It would come when ACK_WAIT is over, and what is new would have overtaken it.
        """
        in_hand = sum(map(len, self.queues.values()))
        if (info.num_ack_pending or 0) <= in_hand and info.config.ack_wait == ACK_WAIT:
            return
        log.info("events_recalled", consumer=self.name, pending=info.num_ack_pending)
        await self.bus.stream.add_consumer(STREAM, info.config, ack_wait=RECALL)
        await asyncio.sleep(4 * RECALL)
        await self.bus.stream.add_consumer(STREAM, info.config, ack_wait=ACK_WAIT)

    async def _take_together(self, batch: list[Msg]) -> list[Msg]:
        """The rest: what failed, what follows something that failed, and what came before in vain."""
        together: list[Msg] = []
        alone: list[Msg] = []
        held = {*self.queues}
        for message in batch:
            if message.metadata.num_delivered > 1 or _key(message) in held:
                held.add(_key(message))
                alone.append(message)
            else:
                together.append(message)
        if len(together) < 2:
            return batch
        try:
            async with asyncio.timeout(ACK_WAIT / 2):
                await handle_together(self.db, self.line, self.name, together)
        except Exception as error:  # noqa: BLE001
            log.info("batch_parted", consumer=self.name, size=len(together), error=type(error).__name__)
            return batch
        for message in together:
            await message.ack()
        return alone

    async def _enqueue(self, message: Msg) -> None:
        key = _key(message)
        if queue := self.queues.get(key):
            if all(one.metadata.sequence.stream != message.metadata.sequence.stream for one in queue):
                queue.append(message)
            return
        await self.free.acquire()
        self.queues[key] = deque([message])
        task = asyncio.create_task(self._lane(key))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _lane(self, key: str) -> None:
        queue = self.queues[key]
        try:
            while queue and not self.leaving:
                await self._handle(queue[0])
                queue.popleft()
        finally:
            self.unhandled += queue
            del self.queues[key]
            self.free.release()

    async def _handle(self, message: Msg) -> None:
        headers = message.headers or {}
        _enter(headers)
        if message.metadata.num_delivered >= SUSPECT and await self._settle_alone(message):
            return
        attempt = min(message.metadata.num_delivered, len(patience.PAUSES) + 1)
        while True:
            try:
                await self._attempt(message)
                await message.ack()
                return
            except Exception as error:  # noqa: BLE001
                pauses = patience.pauses(error)
                log.warning(
                    "event_failed",
                    consumer=self.name,
                    event_id=headers["ce-id"],
                    attempt=attempt,
                    exc_info=error,
                )
                if attempt > len(pauses):
                    await self._bury(message, type(error).__name__, attempt)
                    return
                self.free.release()  # whoever waits makes room
                await asyncio.sleep(pauses[attempt - 1])
                await self.free.acquire()
            attempt += 1

    async def _settle_alone(self, message: Msg) -> bool:
        """Whether it is done with: taken in, or dead because it ends the process that takes it.

        The note that it is tried outlives the process; who is only in the same process is acquitted.
        """
        headers = message.headers or {}
        async with self.alone:
            try:
                deaths = await dead.suspect(self.db, self.name, headers, message.data)
                if deaths > DEATHS:
                    await self._bury(message, "ProcessDied", SUSPECT + DEATHS - 1)
                    return True
                await self._attempt(message)
                await message.ack()
            except Exception as error:  # noqa: BLE001
                log.info("suspect_failed", consumer=self.name, error=type(error).__name__)
                return False
            finally:
                with suppress(*patience.OUTAGES):
                    await dead.acquit(self.db, self.name, headers["ce-id"])
            return True

    async def _attempt(self, message: Msg) -> None:
        limit = asyncio.timeout(TAKING_LIMIT if self.line.once else HANDLING_LIMIT)
        event_id = (message.headers or {})["ce-id"]
        try:
            with telemetry.EVENTS.labels(self.name).time():
                async with limit:
                    await handle(self.db, self.line, self.name, message.data, event_id)
        except TimeoutError:
            if limit.expired():
                async with asyncio.timeout(1), self.db.read() as session:
                    await session.scalar("select 1")
                raise patience.Hangs from None
            raise

    async def _bury(self, message: Msg, error: str, attempts: int) -> None:
        telemetry.DEAD.labels(self.name).inc()
        await dead.bury(self.db, self.name, message.headers or {}, message.data, error, attempts)
        await message.ack()

    async def _beat(self) -> None:
        """Tell the server that we are still at it, for everything in hand."""
        while True:
            await asyncio.sleep(HEARTBEAT)
            for queue in [*self.queues.values()]:
                for message in queue:
                    try:
                        await message.in_progress()
                    except (NatsError, OSError):
                        break


def _is_cancelled() -> bool:
    """Python 3.11's `wait_for`, in which the client of NATS waits, now and then swallows a cancellation."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def handle(db: Database, line: Subscription, consumer: str, body: bytes, event_id: str) -> None:
    """One event through one line of the table."""
    event: Any = line.event.FromString(body)
    with telemetry.span(f"event {consumer}", event_id=event_id):
        if not line.once:
            await line.fn(db, event)
            return
        async with db.begin() as session:
            if await session.first(SEEN, consumer=consumer, events=[event_id]):
                await line.fn(session, event)


async def handle_together(db: Database, line: Subscription, consumer: str, batch: list[Msg]) -> None:
    """All in one transaction, in their order; each still once, and in the context of its own request."""
    headers = [message.headers or {} for message in batch]
    async with db.begin() as session:
        rows = await session.all(SEEN, consumer=consumer, events=[one["ce-id"] for one in headers])
        new = {row.event_id for row in rows}
        for message, header in zip(batch, headers, strict=True):
            if header["ce-id"] not in new:
                continue
            new.remove(header["ce-id"])
            _enter(header)
            with telemetry.EVENTS.labels(consumer).time(), telemetry.span(f"event {consumer}"):
                async with asyncio.timeout(MOMENT):
                    await line.fn(session, line.event.FromString(message.data))


def _key(message: Msg) -> str:
    return (message.headers or {}).get("ce-subject", "")


def _enter(headers: dict[str, str]) -> None:
    context.enter(
        context.Context(
            request_id=headers.get("ce-request-id") or context.Context().request_id,
            traceparent=headers.get("ce-traceparent") or context.new_trace(),
        )
    )
