"""Work that one replica does at a time: a lease in the database, renewed while its holder lives."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress

import psycopg
import psycopg_pool

from services.kit.db import Database
from services.kit.log import log

LIFETIME = 6.0
RENEWAL = 1.5

CLAIM = """
    insert into leases (name, holder, expires_at)
    select name, %(holder)s, clock_timestamp() + make_interval(secs => %(lifetime)s)
    from unnest(%(names)s::text[]) as name order by name
    on conflict (name) do update set holder = excluded.holder, expires_at = excluded.expires_at
    where leases.holder = excluded.holder or leases.expires_at < clock_timestamp()
    returning name
"""
RELEASE = (
    "update leases set expires_at = clock_timestamp() where holder = %(holder)s and name = any(%(names)s)"
)

Work = Callable[[], Awaitable[None]]


async def hold(db: Database, holder: str, works: dict[str, Work]) -> None:
    """Do each named work while its lease is ours; stop it before the lease can be somebody else's."""
    running: dict[str, asyncio.Task[None]] = {}
    expires = 0.0
    try:
        while True:
            asked = time.monotonic()
            left = expires - RENEWAL - asked
            held = await _claim(db, holder, sorted(works), within=left if left > 0 else LIFETIME / 2)
            if held is not None:
                expires = asked + LIFETIME
            elif time.monotonic() > expires - RENEWAL:
                held = set()
            if held is not None:
                await _follow(held, works, running)
            await asyncio.sleep(RENEWAL)
    finally:
        await end(running.values(), patience=LIFETIME - RENEWAL)
        with suppress(psycopg.Error, psycopg_pool.PoolTimeout):
            async with db.write() as session:
                await session.run(RELEASE, holder=holder, names=sorted(works))


async def _claim(db: Database, holder: str, names: list[str], *, within: float) -> set[str] | None:
    """The names that are ours now; None when the database cannot tell."""
    try:
        async with asyncio.timeout(within), db.write() as session:
            rows = await session.all(CLAIM, holder=holder, names=names, lifetime=LIFETIME)
    except (psycopg.Error, psycopg_pool.PoolTimeout, TimeoutError) as error:
        log.warning("lease_not_renewed", error=type(error).__name__)
        return None
    return {row.name for row in rows}


async def _follow(held: set[str], works: dict[str, Work], running: dict[str, asyncio.Task[None]]) -> None:
    await end([running.pop(name) for name in [*running] if name not in held], patience=RENEWAL / 2)
    for name in held:
        task = running.get(name)
        if task is not None and task.done():
            if error := task.exception():
                log.error("work_stopped", work=name, exc_info=error)
            task = None
        if task is None:
            running[name] = asyncio.create_task(_work(works[name]), name=name)


async def _work(work: Work) -> None:
    await work()


async def end(tasks: Iterable[asyncio.Task[None]], *, patience: float) -> None:
    """Cancel until they have ended: on Python 3.11 `asyncio.wait_for` may swallow a cancellation.

    A task may take its time to finish what it has in hand: a second cancellation would cut that short.
    """
    left = ended = {*tasks}
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=patience)
    await asyncio.gather(*ended, return_exceptions=True)
