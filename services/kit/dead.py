"""Dead letters: events that kept failing. They stay visible, and can be replayed."""

from collections.abc import Mapping

import orjson

from services.kit.clock import now
from services.kit.db import Database, Row
from services.kit.log import log
from services.kit.tables import new_id

BURY = """
    insert into dead_letters (id, consumer, event_id, type, headers, body, error, attempts, died_at)
    values (%(id)s, %(consumer)s, %(event)s, %(type)s, %(headers)s, %(body)s, %(error)s, %(attempts)s, %(at)s)
    on conflict (consumer, event_id) do update
    set error = excluded.error, attempts = excluded.attempts, died_at = excluded.died_at, replayed_at = null
"""
SUSPECT = """
    insert into dead_letters
        (id, consumer, event_id, type, headers, body, error, attempts, died_at, replayed_at)
    values (%(id)s, %(consumer)s, %(event)s, %(type)s, %(headers)s, %(body)s, 'Suspected', 1, %(at)s, %(at)s)
    on conflict (consumer, event_id) do update
    set attempts = case dead_letters.error when 'Suspected' then dead_letters.attempts + 1 else 1 end,
        error = 'Suspected', replayed_at = excluded.replayed_at
    returning attempts
"""
ACQUIT = """
    delete from dead_letters
    where consumer = %(consumer)s and event_id = %(event)s and error = 'Suspected'
"""
LYING = """
    select id, consumer, event_id, type, error, attempts, died_at from dead_letters
    where replayed_at is null order by died_at
"""
BODIES = """
    select id, consumer, event_id, body from dead_letters
    where replayed_at is null and (%(id)s::uuid is null or id = %(id)s) order by died_at
"""
RISEN = "update dead_letters set replayed_at = %(at)s where id = %(id)s"


async def bury(
    db: Database, consumer: str, headers: Mapping[str, str], body: bytes, error: str, attempts: int
) -> None:
    async with db.begin() as session:
        await session.run(
            BURY,
            id=new_id(),
            consumer=consumer,
            event=headers["ce-id"],
            type=headers["ce-type"],
            headers=orjson.dumps(dict(headers)).decode(),
            body=body,
            error=error,
            attempts=attempts,
            at=now(),
        )
    log.error("event_died", consumer=consumer, event_id=headers["ce-id"], error=error, attempts=attempts)


async def suspect(db: Database, consumer: str, headers: Mapping[str, str], body: bytes) -> int:
    """Note that it is about to be tried, out of sight; how often that was noted and nothing came of it."""
    async with db.begin() as session:
        noted = await session.scalar(
            SUSPECT,
            id=new_id(),
            consumer=consumer,
            event=headers["ce-id"],
            type=headers["ce-type"],
            headers=orjson.dumps(dict(headers)).decode(),
            body=body,
            at=now(),
        )
    return int(noted)


async def acquit(db: Database, consumer: str, event_id: str) -> None:
    async with db.begin() as session:
        await session.run(ACQUIT, consumer=consumer, event=event_id)


async def listing(db: Database) -> list[Row]:
    """What lies here, oldest first, without the bodies."""
    async with db.read() as session:
        return await session.all(LYING)


async def bodies(db: Database, id: str | None = None) -> list[Row]:
    async with db.read() as session:
        return await session.all(BODIES, id=id)


async def rise(db: Database, id: str) -> None:
    async with db.begin() as session:
        await session.run(RISEN, id=id, at=now())
