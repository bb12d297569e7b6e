"""What is told of a message or a contact before it is here: kept for a while, and applied when it comes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson

from services.kit.clock import now, parse
from services.kit.db import Session
from services.kit.tables import new_id
from services.messaging.inbound import (
    Chat,
    ContactUpdate,
    Deletion,
    Edit,
    GroupUpdate,
    Item,
    Participant,
    Reaction,
    StatusUpdate,
)

KEPT = timedelta(minutes=30)  # Evolution's own retries end after twenty
KINDS: dict[str, type[Any]] = {
    kind.__name__: kind for kind in (StatusUpdate, Edit, Deletion, Reaction, ContactUpdate, GroupUpdate)
}
MOMENTS = ("edited_at", "reacted_at")

PARK = """
    insert into parked (id, instance_id, target, kind, item, told_at, parked_at)
    select id, instance_id, target, kind, item, told_at, %(at)s
    from json_to_recordset(%(rows)s::json)
        as r(id uuid, instance_id uuid, target text, kind text, item jsonb, told_at timestamptz)
"""
FETCH = """
    delete from parked p using unnest(%(instances)s::uuid[], %(targets)s::text[]) as t(instance_id, target)
    where p.instance_id = t.instance_id and p.target = t.target
    returning p.instance_id, p.item, p.kind, p.told_at, p.id
"""
ARRIVED = """
    select distinct p.instance_id, p.target
    from parked p join messages m on m.instance_id = p.instance_id and m.message_id = p.target
    limit 500
"""


@dataclass(frozen=True, slots=True)
class Told:
    """Something that Evolution told of an instance, and when by its own clock."""

    instance_id: str
    item: Item
    told_at: datetime | None


async def park(session: Session, waiting: Iterable[tuple[str, Told]]) -> None:
    """`waiting` names what each is about."""
    rows = [
        {
            "id": new_id(),
            "instance_id": told.instance_id,
            "target": target,
            "kind": type(told.item).__name__,
            "item": told.item,
            "told_at": told.told_at,
        }
        for target, told in waiting
    ]
    if rows:
        await session.run(PARK, rows=orjson.dumps(rows).decode(), at=now())


async def fetch(session: Session, targets: Sequence[tuple[str, str]]) -> list[Told]:
    """What waits for these, and waits no longer, in the order in which it was told."""
    if not targets:
        return []
    instances, names = zip(*targets, strict=True)
    rows = await session.all(FETCH, instances=[*instances], targets=[*names])
    return [
        Told(row.instance_id, thaw(row.kind, row.item), parse(row.told_at) if row.told_at else None)
        for row in sorted(rows, key=lambda row: row.id)
    ]


async def arrived(session: Session) -> list[tuple[str, str]]:
    """Messages that came while what was told of them was being parked: neither transaction saw the other."""
    return [(row.instance_id, row.target) for row in await session.all(ARRIVED)]


def thaw(kind: str, text: str) -> Item:
    values = orjson.loads(text)
    for name in MOMENTS:
        if values.get(name):
            values[name] = parse(values[name])
    if values.get("chat"):
        values["chat"] = Chat(**values["chat"])
    if values.get("participant"):
        values["participant"] = Participant(**values["participant"])
    if "external_ids" in values:
        values["external_ids"] = tuple(values["external_ids"])
    item: Item = KINDS[kind](**values)
    return item
