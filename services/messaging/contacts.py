"""Contacts: one per person or group of an instance, known by phone, by privacy id (lid), or by both."""

import re
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import bindparam, delete, update
from sqlalchemy.dialects.postgresql import insert

from protos import messaging_pb2 as pb
from services.kit.db import Row, Session
from services.kit.outbox import emit
from services.kit.tables import new_id
from services.messaging.inbound import Chat
from services.messaging.models import Contact

NOBODY = {"você", "voce", "you", "me", "eu", "unknown"}

KNOWN = """
    select i.n, c.id, c.phone_number, c.lid, c.name, c.remote_jid, c.deleted_at,
           coalesce((c.metadata->>'nameLocked')::boolean, false) as name_locked
    from jsonb_to_recordset(%(chats)s::jsonb) as i(n int, instance_id uuid, phone text, lid text)
    cross join lateral (
        select * from contacts where instance_id = i.instance_id and phone_number = i.phone
        union
        select * from contacts where instance_id = i.instance_id and lid = i.lid
    ) c
    order by i.n, c.lid nulls first
"""
CREATE = (
    insert(Contact)
    .values(
        instance_id=bindparam("instance"),
        phone_number=bindparam("phone"),
        name=bindparam("name"),
        remote_jid=bindparam("jid"),
        lid=bindparam("lid"),
        is_group=bindparam("is_group"),
    )
    .on_conflict_do_nothing()
    .returning(Contact.id)
)
MAKE_ROOM = """
    insert into conversations (id, instance_id, contact_id)
    select %(id)s, instance_id, %(kept)s from conversations where contact_id = %(gone)s
    on conflict do nothing
"""
MOVE_MESSAGES = """
    update messages m set conversation_id = kept.id
    from conversations kept, conversations gone
    where kept.contact_id = %(kept)s and gone.contact_id = %(gone)s and m.conversation_id = gone.id
"""
MOVE_SENDS = MOVE_MESSAGES.replace("update messages m", "update sends m")
MOVE_COUNTERS = """
    update conversations kept set
        unread_count = kept.unread_count + gone.unread_count,
        customer_message_count = kept.customer_message_count + gone.customer_message_count,
        assigned_to = coalesce(kept.assigned_to, gone.assigned_to),
        conversation_mode =
                case when kept.last_message_at is null
            then gone.conversation_mode else kept.conversation_mode end,
        last_message_preview =
            case when gone.last_message_at > coalesce(kept.last_message_at, '-infinity')
            then gone.last_message_preview else kept.last_message_preview end,
        is_last_message_from_me =
            case when gone.last_message_at > coalesce(kept.last_message_at, '-infinity')
            then gone.is_last_message_from_me else kept.is_last_message_from_me end,
        last_message_at = greatest(kept.last_message_at, gone.last_message_at)
    from conversations gone
    where kept.contact_id = %(kept)s and gone.contact_id = %(gone)s
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """A chat that was seen on an instance, and the name that its other side goes by there."""

    instance_id: str
    chat: Chat
    push_name: str | None


async def remember(session: Session, seen: list[Seen]) -> list[str]:
    """The contact of each chat: found by any of its ids, made if there is none, merged if two were one."""
    asked = [
        {"n": n, "instance_id": one.instance_id, "phone": one.chat.phone_number, "lid": one.chat.lid}
        for n, one in enumerate(seen)
    ]
    rows = await session.all(KNOWN, chats=orjson.dumps(asked).decode())
    known: list[list[Row]] = [[] for _ in seen]
    for row in rows:
        known[row.n].append(row)
    made: dict[tuple[str, str], str] = {}
    ids = []
    for one, found in zip(seen, known, strict=True):
        key = (one.instance_id, one.chat.phone_number)
        contact = made.get(key) or (
            await _update(session, one, found) if found else await _create(session, one)
        )
        if not found or len(found) > 1:
            made[key] = contact
        ids.append(contact)
    return ids


async def _update(session: Session, seen: Seen, found: list[Row]) -> str:
    """What this chat tells of a contact that we know already."""
    contact = found[0]
    if len(found) > 1:
        contact = next(row for row in found if row.phone_number == seen.chat.phone_number)
        await merge(session, kept=contact.id, gone=next(row.id for row in found if row.id != contact.id))
    changes: dict[str, Any] = {}
    if seen.chat.lid and contact.lid != seen.chat.lid:
        changes["lid"] = seen.chat.lid
    if seen.chat.phone and contact.phone_number != seen.chat.phone_number:
        changes["phone_number"] = seen.chat.phone_number
    if contact.deleted_at is not None:
        changes["deleted_at"] = None
    if (
        is_numeric(contact.name)
        and not contact.name_locked
        and is_meaningful(seen.push_name)
        and not seen.chat.is_group
    ):
        changes["name"] = seen.push_name
    if changes:
        await session.run(update(Contact).where(Contact.id == contact.id).values(**changes))
    return str(contact.id)


async def _create(session: Session, seen: Seen) -> str:
    chat = seen.chat
    made = await session.scalar(
        CREATE,
        instance=seen.instance_id,
        phone=chat.phone_number,
        name=_first_name(seen),
        jid=chat.jid,
        lid=chat.lid,
        is_group=chat.is_group,
    )
    if made is None:
        (contact,) = await remember(session, [seen])
        return contact
    await emit(
        session,
        pb.ContactCreated(
            contact_id=made,
            instance_id=seen.instance_id,
            phone_number=chat.phone_number,
            name=_first_name(seen),
            is_group=chat.is_group,
        ),
    )
    return str(made)


async def merge(session: Session, *, kept: str, gone: str) -> None:
    """Two contacts turn out to be one person: messages, counters and sends move, the other one goes."""
    await session.run(MAKE_ROOM, kept=kept, gone=gone, id=new_id())
    for statement in (MOVE_MESSAGES, MOVE_SENDS, MOVE_COUNTERS):
        await session.run(statement, kept=kept, gone=gone)
    await session.run(delete(Contact).where(Contact.id == gone))


def _first_name(seen: Seen) -> str:
    if seen.chat.is_group:
        return f"Grupo {seen.chat.phone_number}"
    return seen.push_name if is_meaningful(seen.push_name) and seen.push_name else seen.chat.phone_number


def is_meaningful(name: str | None) -> bool:
    """A name that a person chose: not blank, not a number, not what WhatsApp calls the owner of the phone."""
    return bool(name) and not is_numeric(name or "") and (name or "").strip().lower() not in NOBODY


def is_numeric(name: str) -> bool:
    return not re.search(r"[^\W\d_]", name.partition("@")[0])
