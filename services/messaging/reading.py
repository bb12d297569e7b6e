"""What has been read: here, and told to WhatsApp, which does the same for us."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, literal, select, tuple_, update

from protos import messaging_pb2 as pb
from services.kit.actor import Actor
from services.kit.db import Database, Row, Session
from services.kit.errors import Invalid
from services.kit.log import log
from services.kit.outbox import emit
from services.messaging import instances
from services.messaging.evolution import outgoing
from services.messaging.evolution.calls import CallFailed, Server
from services.messaging.instances import InstanceNotFound, SecretsNotFound
from services.messaging.models import Contact, Conversation, Message
from services.messaging.visibility import ConversationNotFound, visible

TOLD_UPSTREAM = 50
ORDER = (Message.timestamp, Message.id)

PLACE = """
    select coalesce(read_at, 'epoch') as read_at,
           coalesce(read_id, '00000000-0000-0000-0000-000000000000') as read_id
    from conversations where id = %(id)s
"""
NEWEST = "select last_message_at as timestamp, last_message_id as id from conversations where id = %(id)s"
NEWEST_NAMED = """
    select timestamp, id from messages where conversation_id = %(id)s and id = any(%(messages)s::uuid[])
    order by timestamp desc, id desc limit 1
"""
MARK = """
    update conversations c set
        unread_count = (
            select count(*) from messages m
            where m.conversation_id = c.id and not m.is_from_me and m.status = 'received'
              and (m.timestamp, m.id) > (u.at, u.id)),
        read_at = greatest(c.read_at, u.at),
        read_id = case when c.read_at is null or (c.read_at, c.read_id) < (u.at, u.id) then u.id
            else c.read_id end
    from (select %(at)s::timestamptz as at, %(message)s::uuid as id) as u
    where c.id = %(id)s and (c.unread_count > 0 or c.read_at is distinct from c.last_message_at)
"""


@dataclass(frozen=True, slots=True)
class Marked:
    """Messages that nobody had read before, and how WhatsApp is told."""

    rows: list[Row]
    phone: str
    server: Server | None


async def read(
    db: Database, actor: Actor, request: pb.ReadConversationRequest
) -> pb.ReadConversationResponse:
    """A supervisor who looks in does not take the assignee's counter away, unless forced."""
    async with db.begin() as session:
        conversation = await session.first(
            select(Conversation.assigned_to)
            .where(Conversation.id == request.id, visible(actor))
            .with_for_update()
        )
        if conversation is None:
            raise ConversationNotFound
        if not request.force and conversation.assigned_to not in (None, actor.id):
            return pb.ReadConversationResponse(success=True)
        marked = await mark(session, request.id, [*request.message_ids])
    await tell(marked)
    return pb.ReadConversationResponse(
        success=True, marked_count=len(marked.rows), message_ids=[row.id for row in marked.rows]
    )


async def mark(session: Session, conversation: str, ids: list[str] | None = None) -> Marked:
    """Up to the newest of these, as WhatsApp reads; all without. What lies before the place is read already.

    The conversation is locked, and the caller may read it.
    """
    place = await session.first(PLACE, id=conversation)
    assert place is not None, "it is locked"
    newest = NEWEST_NAMED if ids else NEWEST
    until = await session.first(newest, id=conversation, messages=ids)
    if until is None:
        raise Invalid(fields={"messageIds": "are not of this conversation"})
    inbound = [
        Message.conversation_id == conversation,
        tuple_(*ORDER) > _at(place),
        Message.is_from_me.is_(False),
        Message.status == "received",
    ]
    if ids:
        inbound.append(tuple_(*ORDER) <= _at(until))
    rows = await session.all(
        update(Message)
        .where(*inbound)
        .values(status="read")
        .returning(Message.id, Message.message_id, Message.remote_jid, Message.timestamp)
    )
    await session.run(MARK, id=conversation, at=until.timestamp, message=until.id)
    if not rows:
        return Marked([], "", None)
    await emit(session, pb.ConversationRead(conversation_id=conversation, marked_count=len(rows)))
    contact = await session.first(
        select(Contact.phone_number, Conversation.instance_id)
        .join(Conversation, Conversation.contact_id == Contact.id)
        .where(Conversation.id == conversation)
    )
    assert contact is not None, "it is locked"
    return Marked(rows, contact.phone_number, await _server(session, contact.instance_id))


def _at(place: Row) -> ColumnElement[Any]:
    return tuple_(*(literal(value, one.type) for value, one in zip(place, ORDER, strict=True)))


async def _server(session: Session, instance: str) -> Server | None:
    try:
        return await instances.server(session, instance)
    except (InstanceNotFound, SecretsNotFound):
        return None


async def tell(marked: Marked) -> None:
    """The newest of them. What WhatsApp says to it does not matter here."""
    if marked.server is None:
        return
    newest = sorted(marked.rows, key=lambda row: row.timestamp)[-TOLD_UPSTREAM:]
    keys = [outgoing.Key(row.message_id, _jid(row, marked.phone), from_me=False) for row in newest]
    try:
        await outgoing.mark_read(marked.server, keys)
    except CallFailed as error:
        log.warning("whatsapp_not_marked_read", status=error.upstream_status)


def _jid(row: Row, phone: str) -> str:
    """Evolution says yes to a privacy id, and does nothing: it wants the phone."""
    is_lid = row.remote_jid.endswith("@lid")
    return f"{phone}@s.whatsapp.net" if is_lid and "@" not in phone else str(row.remote_jid)
