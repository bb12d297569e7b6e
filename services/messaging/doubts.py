"""Sends of which nobody knows how they ended: Evolution is asked whether it has them. None is sent again."""

from datetime import timedelta

from sqlalchemy import update

from services.kit.clock import now, parse
from services.kit.crypto import Unreadable
from services.kit.db import Database, Row, Session
from services.kit.errors import NotFound
from services.messaging import contacts, instances, outcomes
from services.messaging.evolution import calls, lookups
from services.messaging.evolution.calls import CallFailed
from services.messaging.inbound import PHONES, Message
from services.messaging.outcomes import Proof
from services.messaging.send_models import Send

BATCH = 20
LOST_AFTER = timedelta(seconds=90)  # a call takes at most thirty
BEFORE, AFTER = timedelta(seconds=10), timedelta(minutes=5)  # around the claim; a call takes half a minute

LOST = """
    select s.id, m.message_id, m.remote_jid from sends s join messages m on m.id = s.message_id
    where s.state = 'dispatching' and s.claimed_at < %(before)s order by s.claimed_at limit %(limit)s
"""
DUE = """
    select s.id, s.instance_id, s.claimed_at, s.checks, m.content, m.conversation_id, c.phone_number, c.lid
    from sends s join messages m on m.id = s.message_id join contacts c on c.id = s.contact_id
    where s.state = 'unknown' and s.finished_at + (array['20 s', '2 min', '10 min', '1 h', '6 h']::interval[])
        [s.checks + 1] <= %(at)s
    order by s.claimed_at limit %(batch)s
"""
KNOWN = """
    select m.message_id from messages m
    where m.instance_id = %(instance)s and m.message_id = any(%(ids)s)
      and (m.origin <> 'phone' or exists (select 1 from sends s where s.message_id = m.id))
"""
TWINS = """
    select count(*) from sends s join messages m on m.id = s.message_id
    where s.state = 'unknown' and m.conversation_id = %(conversation)s and m.content = %(content)s
      and s.claimed_at between %(since)s and %(until)s
"""


async def settle_lost(db: Database) -> None:
    """A process died between claim and answer. Where the echo came it left; else it may have left."""
    async with db.read() as session:
        rows = await session.all(LOST, before=now() - LOST_AFTER, limit=BATCH)
    for row in rows:
        async with db.begin() as session:
            if row.message_id.startswith("local:"):
                await outcomes.unknown(session, row.id, "The process that sent it died before the answer.")
            else:
                await outcomes.sent(session, row.id, Proof(row.message_id, row.remote_jid))


async def resolve(db: Database) -> None:
    async with db.read() as session:
        rows = await session.all(DUE, at=now(), batch=BATCH)
    for row in rows:
        async with db.begin() as session:
            checked = update(Send).where(Send.id == row.id, Send.checks == row.checks)
            await session.run(checked.values(checks=row.checks + 1))
        try:
            await _look(db, row)
        except (CallFailed, NotFound, Unreadable):
            continue


async def _look(db: Database, row: Row) -> None:
    since, until = parse(row.claimed_at) - BEFORE, parse(row.claimed_at) + AFTER
    async with db.read() as session:
        server = await instances.server(session, row.instance_id)
    if await calls.speaks_v1(server):
        return
    page = await lookups.find_messages(server, since=since, until=until, page_size=500)
    found = [one for one in page.messages if _is_it(one, row)]
    async with db.begin() as session:
        strangers = await _strangers(session, row, found)
        twins = await session.scalar(
            TWINS, conversation=row.conversation_id, content=row.content, since=since, until=until
        )
        if strangers and len(strangers) >= twins:
            first = min(strangers, key=lambda one: one.sent_at or since)
            await outcomes.sent(session, row.id, Proof(first.external_id, first.chat.jid))


def _is_it(message: Message, row: Row) -> bool:
    mine = {row.phone_number, row.lid} & {*contacts.ids_of(message.chat)}
    ours = message.from_me and message.source not in PHONES
    return ours and message.content == row.content and bool(mine)


async def _strangers(session: Session, row: Row, found: list[Message]) -> list[Message]:
    """Those that are nobody else's here: each can settle one doubt."""
    ids = [one.external_id for one in found]
    known = {one.message_id for one in await session.all(KNOWN, instance=row.instance_id, ids=ids)}
    return [one for one in found if one.external_id not in known]
