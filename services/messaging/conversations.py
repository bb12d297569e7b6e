"""Conversations: one in detail, and what can be changed of it."""

from typing import Any

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
    values = row._asdict()
    theirs = {name: values.pop(name) for name in row._fields if name.startswith(THEIRS)}
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
    conversation, contact = await whole(session, actor, request.id)
    limit = request.messages_limit if request.HasField("messages_limit") else MESSAGES_DEFAULT
    limit = min(max(limit, 1), MESSAGES_MOST)
    newest = threads.NEWEST
    if request.before:
        newest = newest.where(await threads.before(session, request.id, request.before))
    rows = await session.all(newest, conversation=request.id, most=limit + 1, leads=actor.leads)
    shown_rows, has_more = rows[:limit], len(rows) > limit
    return pb.GetConversationResponse(
        conversation=conversation,
        messages=[threads.message(actor, row) for row in reversed(shown_rows)],
        contact=contact,
        messages_page=pb.MessagesPage(has_more=has_more, next_before=shown_rows[-1].id if has_more else None),
    )
