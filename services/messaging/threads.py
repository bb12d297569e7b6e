"""Messages as REST shows them: with reactions, with addresses of files, without what was taken back."""

from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import (
    Boolean,
    ColumnElement,
    Integer,
    ScalarSelect,
    bindparam,
    func,
    literal,
    literal_column,
    or_,
    select,
    tuple_,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by

from protos import messaging_pb2 as pb
from services.kit.actor import Actor
from services.kit.clock import parse
from services.kit.db import Row, Session
from services.kit.errors import Invalid, NotFound
from services.kit.pb import RFC3339, columns, in_json
from services.messaging import attachments
from services.messaging.message_models import Reaction
from services.messaging.models import Conversation, Instance, Message
from services.messaging.settings import store
from services.messaging.visibility import readable, visible

MESSAGES = select(*columns(pb.Message, Message)).order_by(Message.timestamp.desc(), Message.id.desc())
REACTIONS = (
    select(
        func.json_agg(
            aggregate_order_by(
                func.json_build_object(
                    literal_column("'emoji'"), Reaction.emoji,
                    literal_column("'reactor_jid'"), Reaction.reactor_jid,
                    literal_column("'is_from_me'"), Reaction.is_from_me,
                    literal_column("'created_at'"), func.to_char(Reaction.reacted_at, RFC3339),
                ),
                Reaction.reacted_at,
            )
        )
    )
    .where(Reaction.message_id == Message.id, Reaction.emoji != literal_column("''"))
    .scalar_subquery()
)  # fmt: skip
SHOWN = select(*map(in_json, columns(pb.Message, Message)), REACTIONS.label("reactions"))
ONE = select(func.row_to_json(SHOWN.where(Message.id == bindparam("id")).subquery("one").table_valued()))
FOUND = select(*columns(pb.Message, Message)).join(Conversation, Conversation.id == Message.conversation_id)
INSTANCES = select(Instance.id)


class MessageNotFound(NotFound):
    """Message not found"""


def is_ours(id: str) -> bool:
    try:
        return bool(UUID(id))
    except ValueError:
        return False


def is_called(id: str) -> ColumnElement[bool]:
    """By our id, or by WhatsApp's: of the messages of one conversation."""
    return or_(Message.id == id, Message.message_id == id) if is_ours(id) else Message.message_id == id


async def find(session: Session, actor: Actor, id: str) -> Row:
    """A message of a conversation that the caller may see, by our id or by WhatsApp's."""
    statement = FOUND.where(visible(actor), readable(actor))
    row = await session.first(statement.where(Message.id == id)) if is_ours(id) else None
    row = row or await session.first(
        statement.where(Message.instance_id.in_(INSTANCES), Message.message_id == id)
    )
    if row is None:
        raise MessageNotFound
    return row


async def shown(session: Session, actor: Actor, id: str) -> pb.Message:
    found = await session.scalar(ONE, id=id)
    if found is None:
        raise MessageNotFound
    return message(actor, orjson.loads(found))


def newest(*more: ColumnElement[bool]) -> ScalarSelect[Any]:
    """The newest messages of the conversation `id`, as many as `most`, as one JSON list, oldest first.

    In one value they cost a third of what they cost as rows, and no statement of their own.
    """
    readable = or_(bindparam("leads", type_=Boolean), Message.is_internal.is_(False))
    found = (
        SHOWN.where(Message.conversation_id == bindparam("id"), readable, *more)
        .order_by(Message.timestamp.desc(), Message.id.desc())
        .limit(bindparam("most", type_=Integer))
        .subquery("newest")
    )
    order = aggregate_order_by(found.table_valued(), found.c.timestamp, found.c.id)
    return select(func.json_agg(order)).scalar_subquery()


def message(actor: Actor, values: dict[str, Any]) -> pb.Message:
    """Of a thread; what was taken back is empty."""
    if values["deleted_at"] is not None and not actor.leads:
        values |= {"content": "", "original_content": None, "media_url": None, "audio_transcription": None}
    place = values["media_url"]
    if place:
        values["media_download_url"] = place if attachments.is_address(place) else store().address(place)
    return pb.Message(**values)


def author(row: Row) -> str | None:
    """Who of a group wrote it: WhatsApp knows a member's message only together with the member."""
    participant: dict[str, Any] = orjson.loads(row.metadata).get("participant") or {}
    return participant.get("jid")


async def before(session: Session, conversation: str, place: str) -> ColumnElement[bool]:
    """What is older than a message, or than a time."""
    try:
        return Message.timestamp < parse(place)
    except ValueError:
        pass
    known = await session.first(
        select(Message.timestamp, Message.id).where(Message.conversation_id == conversation, is_called(place))
    )
    if known is None:
        raise Invalid(fields={"before": "is neither a time nor a message"})
    order = (Message.timestamp, Message.id)
    there = (literal(value, column.type) for value, column in zip(known, order, strict=True))
    return tuple_(*order) < tuple_(*there)
