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


@dataclass(frozen=True)
class Attempt:
    keys: list[str]
    at: datetime


async def spend(
    db: Database, action: str, address: str, account: str = "", *, known: bool = False
) -> Attempt:
    """Count an attempt, or refuse it. From a device that the account is known on, only the two together
    are counted: strangers who fail elsewhere, or colleagues at the same address, lock nobody out."""
    limits = _limits(action, address, account, known=known)
    attempt = Attempt(sorted(limits), now())
    since = attempt.at - timedelta(seconds=settings().auth_failures_window_s)
    async with db.begin() as session:
        rows = await session.all(
            SPEND, at=attempt.at, since=since, keys=attempt.keys, limits=[limits[key] for key in attempt.keys]
        )
        refused = limits.keys() - {row.key for row in rows}
        if refused:
            oldest = await session.scalar(OLDEST, keys=[*refused], since=since)
            log.warning("attempts_refused", action=action)
            raise TooMany(retry_after=max(1, ceil(oldest - since.timestamp())))
    return attempt


async def refund(session: Session, attempt: Attempt) -> None:
    await session.run(REFUND, at=attempt.at, keys=attempt.keys)


async def forget(db: Database) -> None:
    """Drop what no longer counts."""
    async with db.begin() as session:
        await session.run(FORGET, since=now() - timedelta(seconds=settings().auth_failures_window_s))


def _limits(action: str, address: str, account: str, *, known: bool) -> dict[str, int]:
    allowed = settings().auth_failures
    name = hashlib.sha256(account.encode()).hexdigest()[:32] if account else ""
    pair = {f"{action}|{address}|{name}": allowed} if account else {}
    if known:
        return pair
    wide = {f"{action}|{address}|": round(allowed * PER_ADDRESS)}
    return pair | wide | ({f"{action}||{name}": round(allowed * PER_ACCOUNT)} if account else {})
