"""Conversations: one in detail, and what can be changed of it."""

from sqlalchemy import select

from protos import messaging_pb2 as pb
from services.kit.actor import Actor
from services.kit.db import Row, Session
from services.kit.pb import columns, fill
from services.messaging import threads
from services.messaging.models import Contact, Conversation, Instance, Message, Person
from services.messaging.threads import THREAD
from services.messaging.visibility import ConversationNotFound, visible

MESSAGES_DEFAULT, MESSAGES_MOST = 100, 500

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


async def require(session: Session, actor: Actor, id: str) -> None:
    """Refuse where there is no such conversation for the caller."""
    if not await session.first(select(Conversation.id).where(Conversation.id == id, visible(actor))):
        raise ConversationNotFound


async def get_conversation(
    session: Session, actor: Actor, request: pb.GetConversationRequest
) -> pb.GetConversationResponse:
    """The newest messages, or those before a place, oldest first. Looking does not mark as read."""
    conversation = await header(session, actor, request.id)
    limit = request.messages_limit if request.HasField("messages_limit") else MESSAGES_DEFAULT
    limit = min(max(limit, 1), MESSAGES_MOST)
    messages = THREAD.where(Message.conversation_id == request.id, threads.readable(actor)).limit(limit + 1)
    if request.before:
        messages = messages.where(await threads.before(session, request.id, request.before))
    rows = await session.all(messages)
    contact = await session.first(
        select(*columns(pb.Contact, Contact)).where(Contact.id == conversation.contact_id)
    )
    shown_rows, has_more = rows[:limit], len(rows) > limit
    return pb.GetConversationResponse(
        conversation=conversation,
        messages=await threads.filled(session, actor, [*reversed(shown_rows)]),
        contact=fill(pb.Contact, contact),
        messages_page=pb.MessagesPage(has_more=has_more, next_before=shown_rows[-1].id if has_more else None),
    )
