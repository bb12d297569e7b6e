"""Conversations: one in detail, and what can be changed of it."""

from typing import Any

import orjson
from sqlalchemy import bindparam, select

from protos import messaging_pb2 as pb
from services.kit.actor import Actor
from services.kit.db import Row, Session
from services.kit.pb import columns
from services.messaging import threads
from services.messaging.inbox_models import Person
from services.messaging.models import Contact, Conversation, Instance
from services.messaging.visibility import VISIBLE, ConversationNotFound, viewer, visible

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
ONE = HEADER.where(Conversation.id == bindparam("id"), VISIBLE)
THEIRS = "their_"
WHOLE = ONE.add_columns(*(column.label(THEIRS + column.name) for column in columns(pb.Contact, Contact)))
DETAIL = WHOLE.add_columns(threads.newest().label("thread"))


def shown(row: Row) -> pb.Conversation:
    return _conversation(row._asdict())


def _conversation(values: dict[str, Any]) -> pb.Conversation:
    name, avatar = values.pop("person_name"), values.pop("person_avatar_url")
    if name is not None:
        user = pb.AssignedUser(id=values["assigned_to"], full_name=name, avatar_url=avatar)
        values["assigned_to_user"] = user
    return pb.Conversation(**values)


async def header(session: Session, actor: Actor, id: str) -> pb.Conversation:
    """The conversation as REST shows it, if the caller may see it."""
    row = await session.first(ONE, id=id, **viewer(actor))
    if row is None:
        raise ConversationNotFound
    return shown(row)


async def whole(session: Session, actor: Actor, id: str) -> tuple[pb.Conversation, pb.Contact]:
    """The same, and whose it is."""
    row = await session.first(WHOLE, id=id, **viewer(actor))
    if row is None:
        raise ConversationNotFound
    return _apart(row._asdict())


def _apart(values: dict[str, Any]) -> tuple[pb.Conversation, pb.Contact]:
    theirs = {name: values.pop(name) for name in [*values] if name.startswith(THEIRS)}
    contact = {name.removeprefix(THEIRS): value for name, value in theirs.items()}
    return _conversation(values), pb.Contact(**contact)


async def require(session: Session, actor: Actor, id: str) -> None:
    """Refuse where there is no such conversation for the caller."""
    if not await session.first(select(Conversation.id).where(Conversation.id == id, visible(actor))):
        raise ConversationNotFound


async def get_conversation(
    session: Session, actor: Actor, request: pb.GetConversationRequest
) -> pb.GetConversationResponse:
    """The newest messages, or those before a place, oldest first. Looking does not mark as read."""
    limit = request.messages_limit if request.HasField("messages_limit") else MESSAGES_DEFAULT
    limit = min(max(limit, 1), MESSAGES_MOST)
    statement = DETAIL
    if request.before:
        await require(session, actor, request.id)
        place = await threads.before(session, request.id, request.before)
        statement = WHOLE.add_columns(threads.newest(place).label("thread"))
    row = await session.first(statement, id=request.id, most=limit + 1, **viewer(actor))
    if row is None:
        raise ConversationNotFound
    values = row._asdict()
    thread = orjson.loads(values.pop("thread") or "[]")
    messages = [threads.message(actor, one) for one in thread[-limit:]]
    has_more = len(thread) > limit
    conversation, contact = _apart(values)
    return pb.GetConversationResponse(
        conversation=conversation,
        messages=messages,
        contact=contact,
        messages_page=pb.MessagesPage(has_more=has_more, next_before=messages[0].id if has_more else None),
    )
