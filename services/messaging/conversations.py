"""Conversations: the inbox, one conversation in detail, who answers it, and what has been read."""

from typing import Any

from sqlalchemy import String, cast, select, update

from protos import messaging_pb2 as pb
from services.kit.actor import Actor
from services.kit.db import Database, Row, Session
from services.kit.log import log
from services.kit.outbox import emit
from services.kit.pb import columns, fill
from services.messaging import instances, threads
from services.messaging.evolution import outgoing
from services.messaging.evolution.calls import CallFailed
from services.messaging.models import Contact, Conversation, Instance, Message, Person
from services.messaging.threads import THREAD
from services.messaging.visibility import ConversationNotFound, visible

MESSAGES_DEFAULT, MESSAGES_MOST = 100, 500
READ_UPSTREAM = 50

HEADER = (
    select(
        *columns(pb.Conversation, Conversation),
        Contact.phone_number.label("contact_phone"),
        Contact.name.label("contact_name"),
        Contact.profile_picture_url.label("contact_profile_picture_url"),
        Contact.is_group,
        Instance.instance_name,
        Person.full_name.label("person_name"),
        Person.avatar_url.label("person_avatar_url"),
    )
    .join(Contact, Contact.id == Conversation.contact_id)
    .join(Instance, Instance.id == Conversation.instance_id)
    .join(Person, Person.id == Conversation.assigned_to, isouter=True)
)


def shown(row: Row) -> pb.Conversation:
    values = row._asdict()
    name, avatar = values.pop("person_name"), values.pop("person_avatar_url")
    if name is not None:
        values["assigned_to_user"] = pb.AssignedUser(id=row.assigned_to, full_name=name, avatar_url=avatar)
    return pb.Conversation(**values)


async def header(session: Session, actor: Actor, id: str) -> pb.Conversation:
    """The conversation as REST shows it, if the caller may see it."""
    row = await session.first(HEADER.where(Conversation.id == id, visible(actor)))
    if row is None:
        raise ConversationNotFound
    return shown(row)


async def get_conversation(
    session: Session, actor: Actor, request: pb.GetConversationRequest
) -> pb.GetConversationResponse:
    conversation = await header(session, actor, request.id)
    limit = request.messages_limit if request.HasField("messages_limit") else MESSAGES_DEFAULT
    messages = THREAD.where(Message.conversation_id == request.id).limit(min(limit, MESSAGES_MOST) + 1)
    messages = messages.where(threads.readable(actor))
    if request.before:
        messages = messages.where(await threads.before(session, request.id, request.before))
    rows = await session.all(messages)
    contact = await session.first(
        select(*columns(pb.Contact, Contact)).where(Contact.id == conversation.contact_id)
    )
    shown_rows = rows[: min(limit, MESSAGES_MOST)]
    has_more = len(rows) > len(shown_rows)
    return pb.GetConversationResponse(
        conversation=conversation,
        messages=await threads.filled(session, actor, [*reversed(shown_rows)]),
        contact=fill(pb.Contact, contact),
        messages_page=pb.MessagesPage(has_more=has_more, next_before=shown_rows[-1].id if has_more else None),
    )


async def set_mode(session: Session, actor: Actor, request: pb.SetModeRequest) -> pb.ConversationResponse:
    """Who answers from the next message on; what waits now is not answered by the AI."""
    old = await session.first(
        select(Conversation.conversation_mode)
        .where(Conversation.id == request.id, visible(actor))
        .with_for_update()
    )
    if old is None:
        raise ConversationNotFound
    if old.conversation_mode != request.mode:
        await session.run(
            update(Conversation).where(Conversation.id == request.id).values(conversation_mode=request.mode)
        )
        await emit(
            session,
            pb.ConversationModeChanged(
                conversation_id=request.id,
                old_mode=old.conversation_mode,
                mode=request.mode,
                changed_by=actor.id or actor.service,
            ),
        )
    return pb.ConversationResponse(success=True, conversation=await header(session, actor, request.id))


async def read(
    db: Database, actor: Actor, request: pb.ReadConversationRequest
) -> pb.ReadConversationResponse:
    """Read here, then on WhatsApp; what WhatsApp says to it does not matter here."""
    async with db.begin() as session:
        conversation = await session.first(
            select(Conversation.instance_id, Conversation.assigned_to)
            .where(Conversation.id == request.id, visible(actor))
            .with_for_update()
        )
        if conversation is None:
            raise ConversationNotFound
        if not request.force and conversation.assigned_to not in (None, actor.id):
            return pb.ReadConversationResponse(success=True)
        marked = await _mark_read(session, request)
        target = await instances.server(session, conversation.instance_id) if marked else None
    if target:
        await _tell_whatsapp(target, marked)
    return pb.ReadConversationResponse(
        success=True, marked_count=len(marked), message_ids=[row.id for row in marked]
    )


async def _mark_read(session: Session, request: pb.ReadConversationRequest) -> list[Row]:
    await session.run(update(Conversation).where(Conversation.id == request.id).values(unread_count=0))
    inbound = [
        Message.conversation_id == request.id,
        Message.is_from_me.is_(False),
        Message.status == "received",
    ]
    if request.message_ids:
        inbound.append(cast(Message.id, String).in_([*request.message_ids]))
    marked = await session.all(
        update(Message)
        .where(*inbound)
        .values(status="read")
        .returning(Message.id, Message.message_id, Message.remote_jid, Message.timestamp)
    )
    await emit(session, pb.ConversationRead(conversation_id=request.id, marked_count=len(marked)))
    return marked


async def _tell_whatsapp(target: Any, marked: list[Row]) -> None:
    newest = sorted(marked, key=lambda row: row.timestamp)[-READ_UPSTREAM:]
    keys = [outgoing.Key(row.message_id, row.remote_jid, from_me=False) for row in newest]
    try:
        await outgoing.mark_read(target, keys)
    except CallFailed as error:
        log.warning("whatsapp_not_marked_read", status=error.upstream_status)
