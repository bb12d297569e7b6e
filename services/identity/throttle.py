"""How often one may fail: counted before the attempt and given back after a success, so that many at once
cannot slip through. Exact over a sliding window, shared by all replicas."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from services.identity.settings import settings
from services.kit.clock import now
from services.kit.db import Database, Session
from services.kit.errors import TooMany
from services.kit.log import log

# Of one address against many accounts, and of many addresses against one account.
PER_ADDRESS = 3.0
PER_ACCOUNT = 2.5

SPEND = """
    insert into throttles (key, moments, allowed)
    select key, array[%(at)s::timestamptz], allowed
    from unnest(%(keys)s::text[], %(limits)s::int[]) as line (key, allowed) order by key
    on conflict (key) do update
    set moments = array(select m from unnest(throttles.moments) m where m > %(since)s) || excluded.moments,
        allowed = excluded.allowed
    where (select count(*) from unnest(throttles.moments) m where m > %(since)s) < excluded.allowed
    returning key
"""
FULL = """
    select key from throttles where key = any(%(keys)s)
        and (select count(*) from unnest(moments) m where m > %(since)s) >= allowed
"""
OLDEST = """
    select extract(epoch from max(first))::float from (
        select min(m) as first from throttles, unnest(moments) m
        where key = any(%(keys)s) and m > %(since)s group by key
    ) as oldest
"""
REFUND = "update throttles set moments = array_remove(moments, %(at)s::timestamptz) where key = any(%(keys)s)"
FORGET = """
    delete from throttles
    where not exists (select from unnest(moments) m where m > %(since)s)
"""


Limits = dict[str, int]


@dataclass(frozen=True)
class Attempt:
    keys: list[str]
    at: datetime


def limits(action: str, address: str, account: str = "", *, known: bool = False) -> Limits:
    """How many failures which key may have. From a device that the account is known on, only the two together
    count: strangers who fail elsewhere, or colleagues at the same address, lock nobody out."""
    allowed = settings().auth_failures
    name = hashlib.sha256(account.encode()).hexdigest()[:32] if account else ""
    pair = {f"{action}|{address}|{name}": allowed} if account else {}
    if known:
        return pair
    wide = {f"{action}|{address}|": round(allowed * PER_ADDRESS)}
    return pair | wide | ({f"{action}||{name}": round(allowed * PER_ACCOUNT)} if account else {})


async def check(session: Session, limits: Limits) -> None:
    """Refuse at once who has failed too often, before any work is queued for them."""
    since = _since(now())
    rows = await session.all(FULL, keys=[*limits], since=since)
    if rows:
        await _refuse(session, [row.key for row in rows], since)


async def spend(db: Database, limits: Limits) -> Attempt:
    """Count an attempt, or refuse it."""
    attempt = Attempt(sorted(limits), now())
    since = _since(attempt.at)
    allowed = [limits[key] for key in attempt.keys]
    async with db.begin() as session:
        rows = await session.all(SPEND, at=attempt.at, since=since, keys=attempt.keys, limits=allowed)
        if refused := limits.keys() - {row.key for row in rows}:
            await _refuse(session, [*refused], since)
    return attempt


async def refund(session: Session, attempt: Attempt) -> None:
    await session.run(REFUND, at=attempt.at, keys=attempt.keys)


async def forget(db: Database) -> None:
    """Drop what no longer counts."""
    async with db.begin() as session:
        await session.run(FORGET, since=_since(now()))


async def _refuse(session: Session, keys: list[str], since: datetime) -> None:
    oldest = await session.scalar(OLDEST, keys=keys, since=since)
    log.warning("attempts_refused", action=keys[0].partition("|")[0])
    raise TooMany(retry_after=max(1, ceil(oldest - since.timestamp())))


def _since(at: datetime) -> datetime:
    return at - timedelta(seconds=settings().auth_failures_window_s)
