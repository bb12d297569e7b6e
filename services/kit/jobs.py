"""Work that nobody asks for: by the clock, in one replica at a time, or all the time in every replica."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from services.kit import context
from services.kit.clock import now, parse
from services.kit.db import Database
from services.kit.leases import Work
from services.kit.log import log

RAN_AT = "select ran_at from leases where name = %(name)s"
RAN = "update leases set ran_at = %(at)s where name = %(name)s"


@dataclass(frozen=True)
class Job:
    pause: timedelta | None
    fn: Callable[[Database], Awaitable[object]]

    @property
    def name(self) -> str:
        return f"{self.fn.__module__.rsplit('.', 1)[-1]}-{self.fn.__name__}".replace("_", "-")


def every(pause: timedelta, fn: Callable[[Database], Awaitable[object]]) -> Job:
    """By the clock, in one replica at a time."""
    return Job(pause, fn)


def always(fn: Callable[[Database], Awaitable[object]]) -> Job:
    """All the time, in every replica: until it is cancelled, when it ends what it began."""
    return Job(None, fn)


def works(db: Database, jobs: list[Job]) -> dict[str, Work]:
    clocked = [job for job in jobs if job.pause is not None]
    return {job.name: lambda job=job: _keep(db, job) for job in clocked}  # type: ignore[misc]


async def keep_always(db: Database, jobs: list[Job]) -> None:
    await asyncio.gather(*(_restart(db, job) for job in jobs if job.pause is None))


async def _restart(db: Database, job: Job) -> None:
    while True:
        await _run(db, job)
        await asyncio.sleep(1)


async def _keep(db: Database, job: Job) -> None:
    assert job.pause is not None
    async with db.read() as session:
        last = await session.scalar(RAN_AT, name=job.name)
    ran_at = parse(last) if last else None
    while True:
        if ran_at is None or now() - ran_at >= job.pause:
            ran_at = now()
            context.enter(context.Context())
            await _run(db, job)
            async with db.write() as session:
                await session.run(RAN, name=job.name, at=ran_at)
        await asyncio.sleep(min(job.pause.total_seconds(), 1.0))


async def _run(db: Database, job: Job) -> None:
    try:
        await job.fn(db)
    except Exception:  # noqa: BLE001
        log.exception("job_failed", job=job.name)
