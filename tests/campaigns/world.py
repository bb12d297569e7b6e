"""What happens between the calls: announcements reach whom they concern, as the relay and consumers do it."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from google.protobuf.message import Message

from protos import campaigns_pb2 as pb
from services.campaigns import campaigns, escalating, meetings, resolutions, starting
from services.campaigns.subscriptions import SUBSCRIPTIONS
from services.kit.actor import Actor
from services.kit.clock import now, rfc3339
from services.kit.db import Database, Row
from services.kit.subscriptions import handle
from services.kit.tables import new_id
from tests.campaigns.messaging_server import Chat, Gate
from tests.support import SUPERVISOR

TAKE = """
    update outbox set published_at = clock_timestamp() where id = (
        select id from outbox where published_at is null order by id limit 1 for update skip locked
    ) returning event_id, type, body
"""


async def tell(db: Database, *events: Message, times: int = 1) -> None:
    """Each event to each line that listens to it, as often as it comes."""
    for event in events:
        event_id = new_id()
        for _ in range(times):
            await _dispatch(db, event.DESCRIPTOR.full_name, event.SerializeToString(), event_id)


async def settle(db: Database) -> list[str]:
    """Announce what there is to announce, until there is nothing left. The names, in order."""
    names: list[str] = []
    while True:
        async with db.begin() as session:
            row = await session.first(TAKE)
        if row is None:
            return names
        names.append(row.type.rsplit(".", 1)[1])
        await _dispatch(db, row.type, row.body, row.event_id)


async def announced(db: Database) -> list[str]:
    """Everything that was ever announced, in order."""
    rows = await rows_of(db, "select type from outbox order by id")
    return [row.type.rsplit(".", 1)[1] for row in rows]


async def told(db: Database, kind: type[Any]) -> list[Any]:
    """Everything of one kind that was ever announced, in order."""
    name = kind.DESCRIPTOR.full_name
    rows = await rows_of(db, "select body from outbox where type = %(name)s order by id", name=name)
    return [kind.FromString(row.body) for row in rows]


async def rows_of(db: Database, statement: str, **values: Any) -> list[Row]:
    async with db.read() as session:
        return await session.all(statement, **values)


async def campaign(db: Database, actor: Actor = SUPERVISOR, **fields: Any) -> pb.Campaign:
    """A campaign to everybody, in draft."""
    values = {"name": "Volta às aulas", "message_template": "Olá, {{clienteNome}}!", **fields}
    return (await campaigns.create(db, actor, pb.CreateCampaignRequest(**values))).campaign


async def escalation(
    db: Database, conversation_id: str, actor: Actor = SUPERVISOR, **fields: Any
) -> pb.Escalation:
    request = pb.CreateEscalationRequest(conversation_id=conversation_id, **{"reason": "manual", **fields})
    return (await escalating.create(db, actor, request)).escalation


async def meeting(db: Database, actor: Actor, start: datetime, **fields: Any) -> pb.Meeting:
    request = pb.ScheduleMeetingRequest(scheduled_at=rfc3339(start), **{"title": "Proposta", **fields})
    return (await meetings.schedule(db, actor, request)).meeting


def soon(**delta: float) -> datetime:
    return now().replace(microsecond=0) + timedelta(**delta)


async def at_once(*works: Any) -> Sequence[Any]:
    """What each of these came to: a result, or what it raised."""
    return await asyncio.gather(*works, return_exceptions=True)


async def started(db: Database, gate: Gate, count: int, **fields: Any) -> str:
    gate.add_contacts(count)
    draft = await campaign(db, **fields)
    await starting.send(db, SUPERVISOR, pb.SendCampaignRequest(id=draft.id))
    return draft.id


async def row_of(db: Database, id: str) -> Row:
    (row,) = await rows_of(db, "select * from campaigns where id = %(id)s", id=id)
    return row


async def counted(db: Database, id: str) -> dict[str, int]:
    """How many recipients there are in each status; the counters must say the same."""
    found = await rows_of(
        db, "select status, count(*) from campaign_messages where campaign_id = %(id)s group by status", id=id
    )
    counts = {row.status: row.count for row in found}
    row = await row_of(db, id)
    delivered = counts.get("delivered", 0) + counts.get("read", 0)
    assert row.sent_count == counts.get("sent", 0) + delivered
    assert row.delivered_count == delivered
    for name in ("pending", "queued", "read", "failed", "unknown", "cancelled"):
        assert getattr(row, f"{name}_count") == counts.get(name, 0), name
    return counts


async def flow(db: Database, gate: Gate) -> None:
    """Until nothing moves any more."""
    await settle(db)
    while gate.send_queued() or gate.events:
        events, gate.events = gate.events, []
        await tell(db, *events)
        await settle(db)


async def resolve(db: Database, actor: Actor, id: str, **fields: Any) -> pb.Escalation:
    request = pb.ResolveEscalationRequest(id=id, **fields)
    return (await resolutions.resolve(db, actor, request)).escalation


async def prepare(db: Database, actor: Actor, id: str, **fields: Any) -> pb.PrepareEscalationResponse:
    return await escalating.prepare(db, actor, pb.PrepareEscalationRequest(conversation_id=id, **fields))


async def waiting(db: Database, gate: Gate, count: int, **fields: Any) -> list[pb.Escalation]:
    return [await escalation(db, gate.open(Chat()).id, **fields) for _ in range(count)]


async def _dispatch(db: Database, name: str, body: bytes, event_id: str) -> None:
    for line in SUBSCRIPTIONS:
        if line.event.DESCRIPTOR.full_name == name:
            await handle(db, line, line.durable("campaigns"), body, event_id)
