"""What can be done with a message that is there: correct it, take it back, react to it, look at its past."""

import re
from datetime import timedelta
from itertools import pairwise

from sqlalchemy import select

from protos import messaging_pb2 as pb
from services.kit.actor import Actor
from services.kit.clock import now, parse, rfc3339
from services.kit.db import Database, Row, Session
from services.kit.errors import Forbidden, Invalid, Upstream
from services.kit.outbox import emit
from services.messaging import changes, deletions, edits, instances, reactions, threads
from services.messaging.evolution import outgoing
from services.messaging.evolution.calls import CallFailed, Server
from services.messaging.evolution.outgoing import Key
from services.messaging.inbound import Edit
from services.messaging.message_models import Version
from services.messaging.statuses import Target

EDIT_WINDOW = timedelta(minutes=15)
ARRIVED = ("sent", "delivered", "read")
# Unicode counts the digit of a keycap and the sign for information among letters.
EMOJI = re.compile(r"[0-9]\uFE0F?\u20E3|(?:\u2139|[^\w\s<>&\"'/\\]){1,16}")


class NotOurs(Forbidden):
    """Only own messages can be edited"""


class NotYours(Forbidden):
    """Agents change only what they sent themselves."""


class EditWindowExpired(Forbidden):
    """Edit window expired"""


class NotChangeable(Invalid):
    """Only texts that have been sent, and are still there, can be changed."""


class NotDone(Upstream):
    """WhatsApp did not do it."""


async def edit(db: Database, actor: Actor, request: pb.EditMessageRequest) -> pb.MessageResponse:
    """First over there, then here: what the customer sees is what we show."""
    async with db.read() as session:
        row = await threads.find(session, actor, request.id)
        _require_own(actor, row)
        if now() - parse(row.timestamp) > EDIT_WINDOW:
            raise EditWindowExpired
        if row.message_type != "text":
            raise NotChangeable(fields={"id": "is no text"})
        server = await instances.server(session, row.instance_id)
    if row.content == request.content:
        return await _answer(db, actor, row.id)
    try:
        edited_at = await outgoing.edit_message(server, row.remote_jid, _key(row), request.content)
    except CallFailed as error:
        raise NotDone(error.message, details={"success": False}) from error
    async with db.begin() as session:
        target = await _locked(session, row)
        change = Edit(row.message_id, request.content, edited_at or now())
        await edits.take(session, target, change, by=actor.id or None)
        await emit(session, *target.events)
    return await _answer(db, actor, row.id)


async def delete(db: Database, actor: Actor, request: pb.DeleteMessageRequest) -> pb.MessageResponse:
    """For everyone; here it stays, marked."""
    async with db.read() as session:
        row = await threads.find(session, actor, request.id)
        if row.deleted_at is None:
            _require_own(actor, row)
        server = await instances.server(session, row.instance_id)
    if row.deleted_at is not None:
        return await _answer(db, actor, row.id)
    try:
        await outgoing.delete_message(server, _key(row))
    except CallFailed as error:
        raise NotDone(error.message, details={"success": False}) from error
    async with db.begin() as session:
        target = await _locked(session, row)
        await deletions.take(session, target, by=actor.id or None)
        await emit(session, *target.events)
    return await _answer(db, actor, row.id)


async def react(db: Database, actor: Actor, request: pb.ReactToMessageRequest) -> pb.MessageResponse:
    """One reaction is ours; an empty one takes it back."""
    if request.emoji and not EMOJI.fullmatch(request.emoji):
        raise Invalid(fields={"emoji": "is no emoji"})
    async with db.read() as session:
        row = await threads.find(session, actor, request.id)
        if not _is_on_whatsapp(row):
            raise NotChangeable
        server = await instances.server(session, row.instance_id)
    await _send_reaction(server, row, request.emoji)
    async with db.begin() as session:
        target = await _locked(session, row)
        who = reactions.ME
        await reactions.react(session, target, who=who, jid=who, emoji=request.emoji, at=rfc3339(now()))
        await emit(session, *target.events)
    return await _answer(db, actor, row.id)


async def _send_reaction(server: Server, row: Row, emoji: str) -> None:
    try:
        await outgoing.send_reaction(server, _key(row), emoji)
    except CallFailed as error:
        raise NotDone(error.message, details={"success": False}) from error


def _require_own(actor: Actor, row: Row) -> None:
    if not row.is_from_me:
        raise NotOurs
    if not actor.leads and row.sent_by not in (None, actor.id):
        raise NotYours
    if not _is_on_whatsapp(row):
        raise NotChangeable


def _is_on_whatsapp(row: Row) -> bool:
    is_told_of = not row.message_id.startswith("local:") and not row.is_internal
    return is_told_of and row.deleted_at is None and (not row.is_from_me or row.status in ARRIVED)


def _key(row: Row) -> Key:
    return Key(row.message_id, row.remote_jid, row.is_from_me, threads.author(row))


async def _locked(session: Session, row: Row) -> Target:
    """The message as it is by now, with its conversation."""
    await session.run(changes.LOCK_CONVERSATIONS, ids=[row.conversation_id])
    found = await session.first(changes.LOCK, ids=[row.id])
    if found is None:
        raise threads.MessageNotFound
    return changes.target_of(found)


async def _answer(db: Database, actor: Actor, id: str) -> pb.MessageResponse:
    async with db.read() as session:
        message = await threads.shown(session, actor, id)
    return pb.MessageResponse(success=True, message=message)


async def list_edits(session: Session, actor: Actor, request: pb.ListEditsRequest) -> pb.ListEditsResponse:
    """What was there before each version: the original, then every version but the last."""
    row = await threads.find(session, actor, request.id)
    if row.deleted_at is not None and not actor.leads:
        return pb.ListEditsResponse()
    versions = await session.all(
        select(Version.id, Version.content, Version.edited_at, Version.edited_by, Version.created_at)
        .where(Version.message_id == row.id)
        .order_by(Version.edited_at.nulls_first(), Version.content)
    )
    past = [row.original_content or row.content, *(version.content for version in versions)]
    return pb.ListEditsResponse(
        history=[
            pb.Edit(
                id=version.id,
                message_id=row.id,
                conversation_id=row.conversation_id,
                previous_content=before,
                edited_by=version.edited_by,
                edited_at=version.edited_at or version.created_at,
                created_at=version.created_at,
            )
            for version, (before, _) in zip(versions, pairwise(past), strict=True)
        ]
    )
