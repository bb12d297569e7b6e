"""The one gate through which everything leaves: people first, campaigns last and at a safe pace.

Every replica works at it. A claim is committed before the call, so nothing is ever sent twice; the database
holds the order and the pace, so it does not matter who claims.
"""

import asyncio
import random
from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg
import psycopg_pool
from sqlalchemy import update

from protos import messaging_pb2 as pb
from services.kit import context, telemetry
from services.kit.clock import now, parse
from services.kit.db import Database, Row, Session
from services.kit.log import log
from services.kit.outbox import emit
from services.messaging import dispatching, drafts
from services.messaging.queueing import BULK, URGENT
from services.messaging.send_models import Gate, Send

POLL = 1.0  # for what nobody woke us for: another replica's, when that has died
MOST_AT_ONCE = 8  # calls of one instance that one process has under way
DRAIN = 8.0
JITTER = 0.08  # a machine's even beat is what WhatsApp looks for; faster than the pace it never is

NEVER = parse("9999-12-31T00:00:00.000Z")

READY = """
    select g.instance_id,
        (select min(q.due_at) from unnest(%(urgent)s::smallint[]) p(priority), lateral (
            select due_at from sends where instance_id = g.instance_id and state = 'queued'
            and priority = p.priority order by due_at limit 1) q) as urgent_at,
        case when i.status = 'connected' and i.is_active then (
            select min(q.due_at) from unnest(%(bulk)s::smallint[]) p(priority), lateral (
                select due_at from sends where instance_id = g.instance_id and state = 'queued'
                and priority = p.priority order by due_at limit 1) q) end as bulk_at,
        g.bulk_opens_at, g.paused_until
    from gates g join instances i on i.id = g.instance_id
    where not exists (select 1 from restores where reconciled_at is null)
"""
ENTER = """
    select g.bulk_opens_at, g.paused_until, i.sends_per_minute,
        i.is_active and i.status = 'connected' as takes_bulk from gates g
    join instances i on i.id = g.instance_id where g.instance_id = %(instance)s
      and not exists (select 1 from restores where reconciled_at is null) for update of g
"""
# One call per contact at a time, and what has to be tried again is not overtaken: messages arrive in order.
PICK = """
    select s.id, s.message_id, s.contact_id, s.instance_id, s.draft, s.key, s.priority, s.not_after,
           s.correlation_id, s.attempts, s.traceparent
    from unnest(%(priorities)s::smallint[]) p(priority), lateral (
        select * from sends s
        where s.instance_id = %(instance)s and s.state = 'queued' and s.priority = p.priority
          and s.due_at <= %(at)s and not exists (
            select 1 from sends o where o.contact_id = s.contact_id and o.id <> s.id
              and (o.state = 'dispatching'
                   or o.state = 'queued' and o.attempts > 0 and o.priority <= s.priority))
        order by s.due_at, s.id limit 1 for update skip locked
    ) s
    order by p.priority limit 1
"""


@dataclass(frozen=True, slots=True)
class Claim:
    """A send that is this process's to make."""

    id: str
    message_id: str
    instance_id: str
    priority: int
    attempts: int
    traceparent: str | None


WAITING = """
    select p.priority, count(s.id)::int as waiting,
        coalesce(extract(epoch from %(at)s - min(s.due_at)), 0)::float as age
    from unnest(%(priorities)s::smallint[]) p(priority)
    left join sends s on s.priority = p.priority and s.state = 'queued' and s.due_at <= %(at)s
    group by p.priority
"""

_queued = asyncio.Event()
_at_work: dict[str, set[asyncio.Task[None]]] = {}


def wake() -> None:
    """Something was queued and committed."""
    _queued.set()


async def run(db: Database) -> None:
    """Until it is cancelled; what has been claimed by then is still seen to its end."""
    try:
        while True:
            _queued.clear()
            try:
                pause = await _work(db)
            except (psycopg.OperationalError, psycopg_pool.PoolTimeout) as error:
                log.warning("gate_waits", error=type(error).__name__)
                pause = 1.0
            try:
                await asyncio.wait_for(_queued.wait(), pause)
            except TimeoutError:
                continue
    finally:
        await _drain()


async def measure(db: Database) -> None:
    """How much waits, and how long the first has."""
    async with db.read() as session:
        rows = await session.all(WAITING, priorities=[*URGENT, *BULK], at=now())
    for row in rows:
        telemetry.GATE_WAITING.labels(str(row.priority)).set(row.waiting)
        telemetry.GATE_AGE.labels(str(row.priority)).set(row.age)


async def _drain() -> None:
    tasks = [task for tasks in _at_work.values() for task in tasks]
    if tasks:
        await asyncio.wait(tasks, timeout=DRAIN)


async def _work(db: Database) -> float:
    """Claim all that may leave now; the seconds until more may, none if that has to be seen anew."""
    async with db.read() as session:
        gates = await session.all(READY, urgent=[*URGENT], bulk=[*BULK])
    if sum([await _claim_all(db, gate.instance_id) for gate in gates if _opens(gate) <= now()]):
        return 0.0
    later = [_opens(gate) for gate in gates]
    seconds = (min(later) - now()).total_seconds() if later else POLL
    return min(seconds, POLL) if seconds > 0 else POLL


def _opens(gate: Row) -> datetime:
    """When the next send of an instance may leave, if nothing is in its way."""
    urgent = parse(gate.urgent_at) if gate.urgent_at else NEVER
    bulk = max(parse(gate.bulk_at), parse(gate.bulk_opens_at)) if gate.bulk_at else NEVER
    return max(min(urgent, bulk), parse(gate.paused_until))


async def _claim_all(db: Database, instance: str) -> int:
    tasks = _at_work.setdefault(instance, set())
    count = 0
    while len(tasks) < MOST_AT_ONCE and (claim := await claim_next(db, instance)):
        count += 1
        task = asyncio.create_task(_send(db, claim))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    return count


async def _send(db: Database, claim: Claim) -> None:
    context.enter(context.Context(traceparent=claim.traceparent or context.new_trace()))
    try:
        with telemetry.span("send", message_id=claim.message_id):
            await dispatching.dispatch(db, claim.id)
    except Exception as error:  # noqa: BLE001
        log.error("send_interrupted", message_id=claim.message_id, exc_info=error)
    finally:
        wake()


async def claim_next(db: Database, instance: str) -> Claim | None:
    """The next send whose turn it is, claimed and committed; None when nothing may leave now."""
    while True:
        async with db.begin() as session:
            gate = await session.first(ENTER, instance=instance)
            if gate is None or parse(gate.paused_until) > now():
                return None
            bulk = gate.takes_bulk and parse(gate.bulk_opens_at) <= now()
            priorities = [*URGENT, *(BULK if bulk else ())]
            row = await session.first(PICK, instance=instance, priorities=priorities, at=now())
            if row is None:
                return None
            reason = await _obstacle(session, row)
            if reason is None:
                return await _claimed(session, row, gate.sends_per_minute)
            await _drop(session, row, reason)


async def _claimed(session: Session, row: Row, pace: int) -> Claim | None:
    message = row.message_id or await drafts.become_a_message(session, row)
    await session.run(
        update(Send)
        .where(Send.id == row.id)
        .values(state="dispatching", message_id=message, claimed_at=now(), attempts=row.attempts + 1)
    )
    if row.priority in BULK:
        gap = 60 / pace * random.uniform(1, 1 + JITTER)
        await session.run(
            update(Gate)
            .where(Gate.instance_id == row.instance_id)
            .values(bulk_opens_at=now() + timedelta(seconds=gap))
        )
    return Claim(row.id, message, row.instance_id, row.priority, row.attempts + 1, row.traceparent)


async def _obstacle(session: Session, row: Row) -> str | None:
    """Why a draft must not leave any more."""
    if row.not_after is not None and parse(row.not_after) <= now():
        return "expired"
    return await drafts.obstacle(session, row) if row.draft is not None else None


async def _drop(session: Session, row: Row, reason: str) -> None:
    await session.run(
        update(Send).where(Send.id == row.id).values(state="dropped", error=reason, finished_at=now())
    )
    await emit(
        session,
        pb.QueuedMessageDropped(key=row.key or "", correlation_id=row.correlation_id or "", reason=reason),
    )
    log.info("send_dropped", send_id=row.id, reason=reason)
