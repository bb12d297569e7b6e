"""What people and groups are called on WhatsApp, and how they look there."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import update

from protos import messaging_pb2 as pb
from services.kit.clock import now, rfc3339
from services.kit.db import Row, Session
from services.kit.outbox import emit
from services.messaging import contacts, parking, pictures
from services.messaging.inbound import ContactUpdate, GroupUpdate, Item
from services.messaging.models import Contact
from services.messaging.parking import Told

MOST_PARKED = 300  # more at once is a phone's address book: no news of anybody who has written

KNOWN = """
    select distinct on (t.n) t.n, c.id, c.instance_id, c.phone_number, c.name, c.named_at, c.is_group,
           c.profile_picture_url, c.picture_told_at,
           coalesce((c.metadata->>'nameLocked')::boolean, false) as name_locked
    from unnest(%(numbers)s::int[], %(instances)s::uuid[], %(ids)s::text[]) as t(n, instance_id, id)
    join contacts c on c.instance_id = t.instance_id and (c.phone_number = t.id or c.lid = t.id)
"""


def is_about_contacts(item: Item) -> bool:
    return isinstance(item, ContactUpdate | GroupUpdate)


async def take_in(session: Session, told: Sequence[Told]) -> list[str | None]:
    """New names and pictures of those who are known; nobody becomes a contact by them."""
    keys = [(n, one.instance_id, id) for n, one in enumerate(told) for id in ids_of(one)]
    if not keys:
        return []
    await contacts.lock(session, [(instance, id) for _, instance, id in keys])
    numbers, instances, ids = zip(*keys, strict=True)
    found = await session.all(KNOWN, numbers=[*numbers], instances=[*instances], ids=[*ids])
    known = {row.n: row for row in found}
    for n, row in known.items():
        await _learn(session, row, told[n])
    missing = [one for n, one in enumerate(told) if n not in known]
    if len(missing) <= MOST_PARKED:
        await parking.park(session, [(target_of(id), one) for one in missing for id in ids_of(one)])
    return [None if n in known else "unknown_contact" for n in range(len(told))]


def ids_of(told: Told) -> list[str]:
    assert isinstance(told.item, ContactUpdate | GroupUpdate)
    return contacts.ids_of(told.item.chat)


def target_of(id: str) -> str:
    """Under what it is parked: a contact's id is no message's."""
    return f"contact:{id}"


async def apply_parked(session: Session, new: Sequence[tuple[str, str]]) -> None:
    """What was told of contacts before they wrote: `new` are their instances and ids."""
    waiting = await parking.fetch(session, [(instance, target_of(id)) for instance, id in new])
    if waiting:
        await take_in(session, waiting)


async def _learn(session: Session, row: Row, told: Told) -> None:
    match told.item:
        case GroupUpdate(subject=name, picture_url=picture):
            is_new = not row.name_locked and name != row.name
        case ContactUpdate(push_name=name, profile_picture_url=picture):
            is_new = bool(name) and not row.is_group and not row.name_locked and _is_better(row, name, told)
        case _:
            return
    values: dict[str, Any] = {"name": name, "named_at": told.told_at or now()} if is_new else {}
    if picture:
        values |= pictures.told(row, picture, rfc3339(told.told_at or now()))
    if values:
        await write(session, row, values)


def _is_better(row: Row, name: str | None, told: Told) -> bool:
    at = rfc3339(told.told_at or now())
    return contacts.is_meaningful(name or "") and contacts.is_better(row.name, row.named_at, name or "", at)


async def write(session: Session, row: Row, values: dict[str, Any]) -> None:
    await session.run(update(Contact).where(Contact.id == row.id).values(**values))
    if "profile_picture_url" in values:
        await pictures.forget(session, row.profile_picture_url)
    names = {"name": "name", "profile_picture_url": "profilePictureUrl"}
    changed = [names[name] for name in values if name in names]
    event = pb.ContactUpdated(
        contact_id=row.id,
        instance_id=row.instance_id,
        phone_number=row.phone_number,
        name=values.get("name", row.name),
        is_group=row.is_group,
        changed=changed,
    )
    await emit(session, *([event] if changed else []))
