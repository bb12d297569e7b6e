"""Contacts: one per person or group of an instance, known by phone, by privacy id (lid), or by both."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import update

from protos import messaging_pb2 as pb
from services.kit.clock import now, rfc3339
from services.kit.db import Session
from services.kit.outbox import emit
from services.kit.tables import new_id
from services.messaging import merging
from services.messaging.inbound import Chat
from services.messaging.models import Contact

NOBODY = {"você", "voce", "you", "me", "eu", "unknown"}
LONGEST_NAME = 255

LOCK = "select pg_advisory_xact_lock(key) from unnest(%(keys)s::bigint[]) as key"
KNOWN = """
    select c.id, c.instance_id, c.phone_number, c.lid, c.name, c.named_at, c.deleted_at, c.is_group,
           coalesce((c.metadata->>'nameLocked')::boolean, false) as name_locked
    from json_to_recordset(%(keys)s::json) as k(instance_id uuid, key text)
    cross join lateral (
        select * from contacts where instance_id = k.instance_id and phone_number = k.key
        union
        select * from contacts where instance_id = k.instance_id and lid = k.key
    ) c
"""
CREATE = """
    insert into contacts (id, instance_id, phone_number, name, named_at, remote_jid, lid, is_group,
                          created_at, updated_at)
    select id, instance_id, phone_number, name, named_at, remote_jid, lid, is_group, %(at)s, %(at)s
    from json_to_recordset(%(rows)s::json) as r(id uuid, instance_id uuid, phone_number text, name text,
        named_at timestamptz, remote_jid text, lid text, is_group boolean)
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """A chat that was seen on an instance, and the name that its other side went by there at the time."""

    instance_id: str
    chat: Chat
    push_name: str | None = None
    at: datetime | None = None
    is_history: bool = False

    @property
    def keys(self) -> list[tuple[str, str]]:
        """Every id that it is known by, on its instance."""
        return [(self.instance_id, key) for key in ids_of(self.chat)]


@dataclass
class Known:
    """A contact as it is, or as it is about to be; `changes` are what has to be written."""

    id: str
    instance_id: str
    phone_number: str
    lid: str | None
    name: str
    named_at: str | None
    is_group: bool
    name_locked: bool
    deleted_at: str | None
    is_new: bool
    changes: dict[str, Any]

    def change(self, **values: Any) -> None:
        for name, value in values.items():
            if getattr(self, name) != value:
                setattr(self, name, value)
                self.changes[name] = value


def ids_of(chat: Chat) -> list[str]:
    return [*dict.fromkeys(one for one in (chat.phone_number, chat.lid) if one)]


async def lock(session: Session, keys: Iterable[tuple[str, str]]) -> None:
    """One transaction at a time for each identity: what links two of them can merge them in peace."""
    numbers = {hashlib.blake2b(":".join(key).encode(), digest_size=8).digest() for key in keys}
    ordered = sorted(int.from_bytes(number, signed=True) for number in numbers)
    await session.run(LOCK, keys=ordered)


async def remember(session: Session, seen: Sequence[Seen]) -> tuple[list[str], list[tuple[str, str]]]:
    """The contact of each chat: found by any of its ids, made if there is none, merged if two were one.

    The caller holds the locks of all their keys. The second list has the instances and ids that are new here.
    """
    keys = {key for one in seen for key in one.keys}
    asked = orjson.dumps([{"instance_id": instance, "key": key} for instance, key in sorted(keys)])
    people = People()
    for row in await session.all(KNOWN, keys=asked.decode()):
        people.enter(Known(**row._asdict(), is_new=False, changes={}))
    found = [await _resolve(session, people, one) for one in seen]
    contacts = {contact.id: contact for contact in map(people.now, found)}
    made = [contact for contact in contacts.values() if contact.is_new]
    await _create(session, made)
    for contact in contacts.values():
        await _write(session, contact)
    live = {people.now(one).id for one, chat in zip(found, seen, strict=True) if not chat.is_history}
    await emit(session, *(_created(contact) for contact in made if contact.id in live))
    await emit(session, *(changed(contact) for contact in contacts.values() if _is_news(contact)))
    ids = [people.now(one).id for one in found]
    return ids, [key for contact in contacts.values() for key in _new_keys(contact)]


class People:
    """The contacts of a batch by every id, and what became of those that turned out to be another one."""

    def __init__(self) -> None:
        self._by_key: dict[tuple[str, str], Known] = {}
        self._gone: dict[str, Known] = {}

    def enter(self, contact: Known) -> None:
        for key in (contact.phone_number, contact.lid):
            if key:
                self._by_key[contact.instance_id, key] = contact

    def get(self, instance: str, key: str | None) -> Known | None:
        contact = self._by_key.get((instance, key)) if key else None
        return None if contact is None else self.now(contact)

    def join(self, kept: Known, gone: Known) -> None:
        self._gone[gone.id] = kept
        if gone.name_locked and not kept.name_locked:
            kept.change(name=gone.name, named_at=gone.named_at)
            kept.name_locked = True
        _adopt_name(kept, gone.name, gone.named_at)

    def now(self, contact: Known) -> Known:
        while contact.id in self._gone:
            contact = self._gone[contact.id]
        return contact


async def _resolve(session: Session, people: People, seen: Seen) -> Known:
    by_phone = people.get(seen.instance_id, seen.chat.phone_number)
    by_lid = people.get(seen.instance_id, seen.chat.lid)
    if by_lid and seen.chat.phone and not _is_lid(by_lid.phone_number) and by_lid is not by_phone:
        by_lid.change(lid=None)  # the id has moved on to another number: never two people in one thread
        await _write(session, by_lid)
        by_lid = None
    contact = by_phone or by_lid or _new(seen)
    if by_phone and by_lid and by_phone is not by_lid:
        contact = await _joined(session, people, by_phone, by_lid)
    _learn(contact, seen)
    people.enter(contact)
    return contact


async def _joined(session: Session, people: People, by_phone: Known, by_lid: Known) -> Known:
    """Of two that are stored, the one that is known by phone stays."""
    kept, gone = (by_lid, by_phone) if by_phone.is_new else (by_phone, by_lid)
    if not gone.is_new:
        await merging.merge(session, kept=kept.id, gone=gone.id)
    people.join(kept, gone)
    return kept


def _new_keys(contact: Known) -> list[tuple[str, str]]:
    names = [name for name in ("phone_number", "lid") if contact.is_new or name in contact.changes]
    return [(contact.instance_id, key) for name in names if (key := getattr(contact, name))]


async def _write(session: Session, contact: Known) -> None:
    if contact.changes and not contact.is_new:
        await session.run(update(Contact).where(Contact.id == contact.id).values(**contact.changes))


def _learn(contact: Known, seen: Seen) -> None:
    chat = seen.chat
    if chat.lid:
        contact.change(lid=chat.lid)
    if chat.phone and contact.phone_number != chat.phone:
        if contact.name == contact.phone_number:
            contact.change(name=chat.phone)
        contact.change(phone_number=chat.phone)
        contact.changes["remote_jid"] = jid_of(chat.phone, is_group=False)
    contact.change(deleted_at=None)
    if seen.push_name and is_meaningful(seen.push_name) and not chat.is_group:
        _adopt_name(contact, seen.push_name, rfc3339(seen.at or now()))


def _adopt_name(contact: Known, name: str, named_at: str | None) -> None:
    if named_at and not contact.name_locked and is_better(contact.name, contact.named_at, name, named_at):
        contact.change(name=name[:LONGEST_NAME], named_at=named_at)


def is_better(name: str, named_at: str | None, other: str, other_at: str) -> bool:
    """The first name that somebody went by counts: what is told late, of an earlier time, too."""
    if named_at is None:
        return is_numeric(name)
    return (other_at, other) < (named_at, name)


def _new(seen: Seen) -> Known:
    chat = seen.chat
    name = f"Grupo {chat.phone_number}" if chat.is_group else chat.phone_number
    return Known(
        id=new_id(),
        instance_id=seen.instance_id,
        phone_number=chat.phone_number,
        lid=chat.lid,
        name=name,
        named_at=None,
        is_group=chat.is_group,
        name_locked=False,
        deleted_at=None,
        is_new=True,
        changes={},
    )


async def _create(session: Session, contacts: list[Known]) -> None:
    rows = [
        {
            "id": one.id,
            "instance_id": one.instance_id,
            "phone_number": one.phone_number,
            "name": one.name,
            "named_at": one.named_at,
            "remote_jid": jid_of(one.phone_number, is_group=one.is_group),
            "lid": one.lid,
            "is_group": one.is_group,
        }
        for one in contacts
    ]
    if rows:
        await session.run(CREATE, rows=orjson.dumps(rows).decode(), at=now())


def jid_of(phone_number: str, *, is_group: bool) -> str:
    """Where replies go: to the phone where it is known, else to the privacy id; for a group to the group."""
    if is_group:
        return f"{phone_number}@g.us"
    return phone_number if "@" in phone_number else f"{phone_number}@s.whatsapp.net"


def _created(contact: Known) -> pb.ContactCreated:
    return pb.ContactCreated(
        contact_id=contact.id,
        instance_id=contact.instance_id,
        phone_number=contact.phone_number,
        name=contact.name,
        is_group=contact.is_group,
    )


def _is_news(contact: Known) -> bool:
    return not contact.is_new and bool(contact.changes.keys() & {"name", "phone_number", "deleted_at"})


def changed(contact: Known) -> pb.ContactUpdated:
    names = {"phone_number": "phoneNumber", "deleted_at": "deletedAt"}
    return pb.ContactUpdated(
        contact_id=contact.id,
        instance_id=contact.instance_id,
        phone_number=contact.phone_number,
        name=contact.name,
        is_group=contact.is_group,
        changed=[names.get(name, name) for name in contact.changes if name not in ("named_at", "remote_jid")],
    )


def _is_lid(key: str) -> bool:
    return key.endswith("@lid")


def is_meaningful(name: str) -> bool:
    """A name that a person chose: not blank, not a number, not what WhatsApp calls the owner of the phone."""
    return not is_numeric(name) and name.strip().lower() not in NOBODY


def is_numeric(name: str) -> bool:
    return not re.search(r"[^\W\d_]", name.partition("@")[0])
