"""What has been read: here, and told to WhatsApp, which does the same for us."""

from dataclasses import dataclass

from sqlalchemy import String, cast, literal, select, tuple_, update

from protos import messaging_pb2 as pb
from services.kit.actor import Actor
from services.kit.db import Database, Row, Session
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
MARK = """
    update conversations set unread_count = 0, read_at = greatest(read_at, last_message_at),
        read_id = case when read_at is null or read_at < last_message_at
            or (read_at = last_message_at and read_id < last_message_id) then last_message_id else read_id end
    where id = %(id)s and (unread_count > 0 or read_at is distinct from last_message_at)
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
    """The conversation is locked, and the caller may read it. What lies before its place is read already."""
    place = await session.first(PLACE, id=conversation)
    assert place is not None, "it is locked"
    await session.run(MARK, id=conversation)
    inbound = [
        Message.conversation_id == conversation,
        tuple_(*ORDER) > tuple_(*(literal(at, one.type) for at, one in zip(place, ORDER, strict=True))),
        Message.is_from_me.is_(False),
        Message.status == "received",
    ]
    if ids:
        inbound.append(cast(Message.id, String).in_(ids))
    rows = await session.all(
        update(Message)
        .where(*inbound)
        .values(status="read")
        .returning(Message.id, Message.message_id, Message.remote_jid, Message.timestamp)
    )
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
