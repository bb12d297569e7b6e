"""What no webhook told: Evolution is asked for the messages that it has seen since it was asked last."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import select, update

from protos import messaging_pb2 as pb
from services.kit.clock import now, parse
from services.kit.crypto import Unreadable
from services.kit.db import Database, Row, Session
from services.kit.errors import NotFound
from services.kit.log import log
from services.messaging import arrivals, changes, instances
from services.messaging.arrivals import Arrival
from services.messaging.evolution import calls, lookups
from services.messaging.evolution.calls import CallFailed, Server
from services.messaging.inbound import PHONES, Message, StatusUpdate
from services.messaging.models import Instance
from services.messaging.parking import Told

AT_ONCE = 5
YOUNGEST = timedelta(seconds=30)  # what is younger is still on its way as a webhook
AGAIN = timedelta(minutes=10)  # clocks differ, and Evolution stores late
LONGEST = timedelta(days=7)
SHORTEST = timedelta(minutes=1)
PROVEN = ("delivered", "read")
PAGE = 100
MOST_PAGES = 20  # of one question; a longer answer is asked for in halves

CONNECTED = select(Instance.id, Instance.filled_until).where(
    Instance.is_active, Instance.status == "connected"
)


async def fill(db: Database) -> None:
    async with db.read() as session:
        rows = await session.all(CONNECTED)
    few = asyncio.Semaphore(AT_ONCE)
    await asyncio.gather(*(_fill_one(db, row, few) for row in rows))


async def follow_connection(db: Database, event: pb.InstanceStatusChanged) -> None:
    """An instance that has come back was away: at once."""
    async with db.read() as session:
        rows = await session.all(CONNECTED.where(Instance.id == event.instance_id))
    for row in rows:
        await _fill_one(db, row, asyncio.Semaphore())


async def _fill_one(db: Database, row: Row, few: asyncio.Semaphore) -> None:
    async with few:
        try:
            await fill_instance(db, row.id, parse(row.filled_until) if row.filled_until else None)
        except (CallFailed, NotFound, Unreadable) as error:
            log.info("gap_not_filled", instance_id=row.id, error=type(error).__name__)


async def fill_instance(db: Database, instance: str, since: datetime | None) -> int:
    """How many messages nobody had told of. What was before the first time is history, and not asked for."""
    async with db.read() as session:
        server = await instances.server(session, instance)
    until, found = now() - YOUNGEST, 0
    if since is not None and not await calls.speaks_v1(server):  # which answers with all there is
        found = await _fetch(db, instance, server, max(since - AGAIN, until - LONGEST), until)
    async with db.begin() as session:
        filled = update(Instance).where(Instance.id == instance)
        await session.run(filled.values(filled_until=until))
    if found:
        log.warning("gap_filled", instance_id=instance, messages=found)
    return found


async def _fetch(db: Database, instance: str, server: Server, since: datetime, until: datetime) -> int:
    first = await lookups.find_messages(server, since=since, until=until, page_size=PAGE)
    if first.pages > MOST_PAGES and until - since > SHORTEST:
        middle = since + (until - since) / 2
        early = await _fetch(db, instance, server, since, middle)
        return early + await _fetch(db, instance, server, middle, until)
    found = await _take_in(db, instance, first.messages)
    for number in range(2, first.pages + 1):
        page = await lookups.find_messages(server, since=since, until=until, page=number, page_size=PAGE)
        found += await _take_in(db, instance, page.messages)
    return found


async def _take_in(db: Database, instance: str, messages: tuple[Message, ...]) -> int:
    """As if their webhooks came now; of our own also how far they have got since."""
    ordered = [
        replace(one, echo=one.from_me and one.source not in PHONES)
        for one in sorted(messages, key=lambda one: one.sent_at or now())
    ]
    async with db.begin() as session:
        found = await arrivals.take_in(session, [Arrival(instance, message) for message in ordered])
    async with db.begin() as session:
        await _follow(session, instance, [one for one in ordered if one.from_me and one.status in PROVEN])
    return found


async def _follow(session: Session, instance: str, messages: list[Message]) -> None:
    told = [
        Told(instance, StatusUpdate((one.external_id,), one.status, from_me=True, chat=one.chat), None)
        for one in messages
    ]
    await changes.apply(session, told)
