"""What contacts are called and how they look, asked of WhatsApp: slowly, because it dislikes being asked."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, func, or_, select, text, update
from sqlalchemy.orm import aliased

from protos import messaging_pb2 as pb
from services.kit import context
from services.kit.actor import Actor
from services.kit.clock import now
from services.kit.crypto import Unreadable
from services.kit.db import Database, Row, Session
from services.kit.errors import NotFound
from services.messaging import contacts, instances, pictures, profiles
from services.messaging.evolution import lookups
from services.messaging.evolution.calls import CallFailed, Server
from services.messaging.inbound import GroupUpdate
from services.messaging.instances import InstanceNotFound
from services.messaging.models import NAMELESS, UNCHECKED, Contact, Conversation, Instance
from services.messaging.pictures import NoCopy

DEFAULT, MOST = 100, 500
MOST_COUNTED = 10_000
PACE = 0.05  # seconds between two questions about one instance
MARGIN = 5.0  # seconds left to the caller, in which to answer
STALE = timedelta(days=7)
NEW_AT_ONCE = 10  # contacts of one instance that are looked up in one round
GROUPS_AGAIN = timedelta(minutes=10)

PERSON = select(
    Contact.id,
    Contact.instance_id,
    Contact.phone_number,
    Contact.remote_jid,
    Contact.name,
    Contact.is_group,
    Contact.profile_picture_url,
    Contact.metadata_["nameLocked"].as_boolean().label("is_locked"),
)
ORDER = (Contact.instance_id, Contact.checked_at.nulls_first())
CONNECTED = select(Instance.id).where(Instance.is_active, Instance.status == "connected")


@dataclass
class Found:
    """What WhatsApp says of a contact, or why it says nothing."""

    name: str | None = None
    picture: str | None = None
    error: str | None = None


@dataclass
class Round:
    """The servers of one round of questions, and the groups of each: one answer has them all."""

    servers: dict[str, Server | None] = field(default_factory=dict)
    groups: dict[str, dict[str, GroupUpdate]] = field(default_factory=dict)


async def fix_names(db: Database, actor: Actor, request: pb.FixNamesRequest) -> pb.FixNamesResponse:
    """Those whom nobody could ask about go by their number."""
    nameless = [text(NAMELESS), _unlocked(), *await _of(db, request.instance_id)]
    started = now()
    rows = await _candidates(db, nameless, request.limit if request.HasField("limit") else DEFAULT)
    details = []
    asking = Round()
    for row in rows if not request.dry_run else ():
        if _is_late():
            break
        found = await _ask(db, asking, row)
        details.append(await _name(db, row, found))
    for row in rows if request.dry_run else ():
        details.append(_fixed(row, None, None, None))
    updated = sum(one.success and one.HasField("new_name") for one in details)
    left = or_(Contact.checked_at.is_(None), Contact.checked_at < started)
    return pb.FixNamesResponse(
        success=True,
        fixed=updated,
        total=len(details),
        updated=updated,
        failed=sum(not one.success for one in details),
        remaining=await _count(db, [*nameless, left]),
        details=details,
    )


async def sync_profiles(
    db: Database, actor: Actor, request: pb.SyncProfilesRequest
) -> pb.SyncProfilesResponse:
    """Who has no picture, or shows none, is skipped; groups learn their names on the way."""
    started = now()
    missing = pictures.missing()
    old = or_(Contact.checked_at.is_(None), Contact.checked_at < started - STALE)
    bare = [
        Contact.deleted_at.is_(None),
        or_(missing, old) if request.force else missing,
        *await _of(db, request.instance_id),
    ]
    rows = await _candidates(db, bare, request.limit if request.HasField("limit") else DEFAULT)
    reply, asking = pb.SyncProfilesResponse(success=True, message="Sync completed"), Round()
    for row in rows:
        if _is_late():
            break
        found = await _ask(db, asking, row)
        await _learn(db, row, found)
        reply.total += 1
        reply.failed += found.error is not None
        reply.skipped += found.error is None and found.picture is None
        reply.updated += found.error is None and found.picture is not None
    left = or_(Contact.checked_at.is_(None), Contact.checked_at < started)
    reply.remaining = await _count(db, [*bare, left])
    return reply


async def meet_the_new(db: Database) -> None:
    """Contacts and groups that have just appeared get their names and pictures, some of each instance."""
    await _look_up(db, PERSON.where(text(UNCHECKED)).order_by(Contact.id.desc()).limit(NEW_AT_ONCE))


async def follow_groups(db: Database) -> None:
    """Nobody tells that a group has another name: where somebody wrote it is looked up now and then."""
    told, other = PERSON.join(Conversation, Conversation.contact_id == Contact.id), aliased(Contact)
    last = select(func.max(other.checked_at)).where(other.is_group, other.instance_id == Contact.instance_id)
    wrote = Contact.is_group, Contact.deleted_at.is_(None), Conversation.last_message_at > Contact.checked_at
    await _look_up(db, told.where(*wrote, last.scalar_subquery() < now() - GROUPS_AGAIN))


async def _look_up(db: Database, wanted: Select[Any]) -> None:
    """Side by side for each instance, one by one within."""
    async with db.read() as session:
        places = await session.all(CONNECTED)
    await asyncio.gather(*(_meet(db, wanted.where(Contact.instance_id == place.id)) for place in places))


async def _meet(db: Database, wanted: Select[Any]) -> None:
    async with db.read() as session:
        rows = await session.all(wanted)
    asking = Round()
    for row in rows:
        await _learn(db, row, await _ask(db, asking, row))


async def _of(db: Database, instance: str) -> list[ColumnElement[bool]]:
    if not instance:
        return []
    async with db.read() as session:
        if not await session.first(select(Instance.id).where(Instance.id == instance)):
            raise InstanceNotFound
    return [Contact.instance_id == instance]


async def _candidates(db: Database, wanted: list[Any], limit: int) -> list[Row]:
    most = min(max(limit, 1), MOST)
    async with db.read() as session:
        return await session.all(PERSON.where(*wanted).order_by(*ORDER).limit(most))


async def _count(db: Database, wanted: list[Any]) -> int:
    some = select(Contact.id).where(*wanted).limit(MOST_COUNTED).subquery()
    async with db.read() as session:
        return int(await session.scalar(select(func.count()).select_from(some)))


def _unlocked() -> ColumnElement[bool]:
    locked: ColumnElement[bool] = Contact.metadata_["nameLocked"].as_boolean()
    return locked.is_not(True)


def _is_late() -> bool:
    left = context.current().remaining()
    return left is not None and left < MARGIN


async def _ask(db: Database, asking: Round, row: Row) -> Found:
    if row.instance_id not in asking.servers:
        asking.servers[row.instance_id] = await _server(db, row.instance_id)
    server = asking.servers[row.instance_id]
    if server is None:
        return Found(error="This instance has no credentials that can be read.")
    try:
        found = await (_group(asking, server, row) if row.is_group else _person(server, row))
    except CallFailed as error:
        return Found(error=error.message)
    try:
        found.picture = await pictures.shown(db, server, row, found.picture) if found.picture else None
    except NoCopy:
        return Found(found.name, error="The picture cannot be copied.")
    return found


async def _person(server: Server, row: Row) -> Found:
    await asyncio.sleep(PACE)
    profile = await lookups.fetch_profile(server, row.phone_number)
    return Found(profile.name, profile.picture_url)


async def _server(db: Database, instance: str) -> Server | None:
    async with db.read() as session:
        try:
            return await instances.server(session, instance)
        except (NotFound, Unreadable):
            return None


async def _group(asking: Round, server: Server, row: Row) -> Found:
    if row.instance_id not in asking.groups:
        asking.groups[row.instance_id] = {}  # where there is no answer, nobody asks again for the next group
        groups = await lookups.fetch_groups(server)
        asking.groups[row.instance_id] = {group.chat.jid: group for group in groups}
    group = asking.groups[row.instance_id].get(row.remote_jid)
    return Found(group.subject, group.picture_url) if group else Found(error="This group is not known there.")


async def _name(db: Database, row: Row, found: Found) -> pb.FixedName:
    """WhatsApp's name for somebody, or the number: what messages carried would be theirs already."""
    name = found.name if contacts.is_meaningful(found.name or "") else None
    name = name or (row.phone_number if row.name != row.phone_number else None)
    async with db.begin() as session:
        await _write(session, row, name, found)
    return _fixed(row, name, found.picture, found.error if name is None else None)


def _fixed(row: Row, name: str | None, picture: str | None, error: str | None) -> pb.FixedName:
    return pb.FixedName(
        contact_id=row.id,
        phone_number=row.phone_number,
        old_name=row.name,
        new_name=name,
        profile_picture_url=picture,
        success=error is None,
        error=error,
    )


async def _learn(db: Database, row: Row, found: Found) -> None:
    """A group is called what it is called now; a person keeps a name that is one."""
    keeps = row.is_locked or (not row.is_group and not contacts.is_numeric(row.name))
    name = None if keeps or not contacts.is_meaningful(found.name or "") else found.name
    async with db.begin() as session:
        await _write(session, row, name, found)


async def _write(session: Session, row: Row, name: str | None, found: Found) -> None:
    checked = update(Contact).where(Contact.id == row.id).values(checked_at=now())
    await session.run(checked)
    values: dict[str, Any] = {"name": name, "named_at": now()} if name and name != row.name else {}
    if found.picture and found.picture != row.profile_picture_url:
        values |= {"profile_picture_url": found.picture, "picture_told_at": now()}
    if values:
        await profiles.write(session, row, values)
