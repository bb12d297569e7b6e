"""Access tokens that die early: written with what kills them, and told to every gateway within moments."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from weakref import WeakKeyDictionary

from protos import identity_pb2 as pb
from services.identity.settings import settings
from services.kit.actor import Actor
from services.kit.clock import now
from services.kit.db import Database, Row, Session
from services.kit.log import log
from services.kit.tables import new_id
from services.kit.tokens import LEEWAY

POLL = 0.3
OVERLAP = timedelta(minutes=2)  # longer than any transaction lives between its insert and its commit
SKEW = timedelta(seconds=1)  # between the clocks of replicas

END_SESSIONS = """
    with ended as (
        update auth_sessions set revoked_at = %(at)s
        where user_id = %(user)s and revoked_at is null and (%(session)s::uuid is null or id = %(session)s)
        returning id
    )
    insert into revocations (id, session_id) select gen_random_uuid(), id from ended returning session_id
"""
END_TOKENS = """
    with ended as (
        update profiles set tokens_valid_after = greatest(tokens_valid_after, %(at)s)
        where id = %(user)s returning id, tokens_valid_after
    )
    insert into revocations (id, user_id, issued_before) select %(id)s, id, tokens_valid_after from ended
"""
YOUNGER = """
    select id, session_id, user_id, extract(epoch from issued_before)::float as issued_before from revocations
    where created_at > clock_timestamp() - make_interval(secs => %(age)s) order by created_at
"""
FORGET = "delete from revocations where created_at < clock_timestamp() - make_interval(secs => %(age)s)"


async def end_session(session: Session, user: str, id: str) -> bool:
    """False: there was no such session, or it had ended."""
    return bool(await session.all(END_SESSIONS, user=user, session=id, at=now()))


async def end_all_sessions(session: Session, user: str) -> None:
    """Whoever holds the user's profile locked ends what was ever issued to them."""
    await session.run(END_SESSIONS, user=user, session=None, at=now())
    await end_tokens(session, user)


async def end_tokens(session: Session, user: str) -> None:
    """Refuse the tokens issued until now; sessions live on and fetch new ones."""
    await session.run(END_TOKENS, id=new_id(), user=user, at=now() + SKEW)


async def forget(db: Database) -> None:
    """Drop what no living token can match."""
    async with db.begin() as session:
        await session.run(FORGET, age=2 * _lifetime().total_seconds())


async def watch(
    db: Database, actor: Actor, request: pb.WatchRevocationsRequest
) -> AsyncIterator[pb.Revocation]:
    """First everything that still matters, then the rest as it comes. Repeats are harmless."""
    with _listening(db) as news:
        async with db.read() as session:
            known = await session.all(YOUNGER, age=_lifetime().total_seconds())
        for row in known:
            yield _revocation(row)
        yield pb.Revocation(caught_up=True)
        while True:
            yield await news.get()


Queues = set[asyncio.Queue[pb.Revocation]]
_listeners: WeakKeyDictionary[Database, tuple[Queues, asyncio.Task[None]]] = WeakKeyDictionary()


@contextmanager
def _listening(db: Database) -> Iterator[asyncio.Queue[pb.Revocation]]:
    """A queue fed by the one poll of this process, which lives while somebody listens."""
    news: asyncio.Queue[pb.Revocation] = asyncio.Queue()
    if db not in _listeners:
        fresh: Queues = set()
        _listeners[db] = fresh, asyncio.create_task(_poll(db, fresh))
    queues, poll = _listeners[db]
    queues.add(news)
    try:
        yield news
    finally:
        queues.discard(news)
        if not queues:
            poll.cancel()
            del _listeners[db]


async def _poll(db: Database, queues: Queues) -> None:
    """Rows become visible when they commit, not in the order of their times: look back, and remember."""
    seen: set[str] = set()
    while True:
        try:
            async with db.read() as session:
                rows = await session.all(YOUNGER, age=OVERLAP.total_seconds())
        except Exception as error:  # noqa: BLE001 - whoever listens relies on this going on
            log.warning("revocations_unread", error=type(error).__name__)
            await asyncio.sleep(1)
            continue
        for row in rows:
            if row.id not in seen:
                for queue in queues:
                    queue.put_nowait(_revocation(row))
        seen = {row.id for row in rows}
        await asyncio.sleep(POLL)


def _revocation(row: Row) -> pb.Revocation:
    return pb.Revocation(session_id=row.session_id, user_id=row.user_id, issued_before=row.issued_before)


def _lifetime() -> timedelta:
    return settings().jwt_expires_in + timedelta(seconds=LEEWAY) + OVERLAP


def issued_at(valid_after: datetime | None) -> datetime:
    """The time that a new token carries: later than whatever has been refused so far."""
    return now() if valid_after is None else max(now(), valid_after + timedelta(milliseconds=1))
