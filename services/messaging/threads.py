"""Messages as REST shows them: with reactions, with addresses of files, without what was taken back."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, or_, select, true, tuple_

from protos import messaging_pb2 as pb
from services.kit.actor import Actor
from services.kit.clock import parse
from services.kit.db import Row, Session
from services.kit.errors import Invalid, NotFound
from services.kit.pb import columns
from services.messaging import attachments
from services.messaging.models import Conversation, Instance, Message, Reaction
from services.messaging.settings import store
from services.messaging.visibility import visible

THREAD = select(*columns(pb.Message, Message)).order_by(Message.timestamp.desc(), Message.id.desc())


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


def readable(actor: Actor) -> ColumnElement[bool]:
    """What colleagues write internally is for supervisors."""
    return true() if actor.leads else Message.is_internal.is_(False)


async def shown(session: Session, actor: Actor, ids: Sequence[str]) -> list[pb.Message]:
    rows = await session.all(THREAD.where(Message.id.in_(ids)))
    return await filled(session, actor, rows)


async def filled(session: Session, actor: Actor, rows: Sequence[Row]) -> list[pb.Message]:
    """In the order of the rows."""
    reactions = await _reactions(session, [row.id for row in rows])
    return [_message(actor, row, reactions.get(row.id, [])) for row in rows]


def _message(actor: Actor, row: Row, reactions: list[pb.Reaction]) -> pb.Message:
    values: dict[str, Any] = row._asdict()
    if row.deleted_at is not None and not actor.leads:
        values |= {"content": "", "original_content": None, "media_url": None, "audio_transcription": None}
    place = values["media_url"]
    if place:
        values["media_download_url"] = place if attachments.is_address(place) else store().address(place)
    return pb.Message(**values, reactions=reactions)


async def _reactions(session: Session, ids: Sequence[str]) -> dict[str, list[pb.Reaction]]:
    if not ids:
        return {}
    asked = (
        select(
            Reaction.message_id,
            Reaction.emoji,
            Reaction.reactor_jid,
            Reaction.is_from_me,
            Reaction.reacted_at.label("created_at"),
        )
        .where(Reaction.message_id.in_(ids), Reaction.emoji != "")
        .order_by(Reaction.reacted_at)
    )
    found: dict[str, list[pb.Reaction]] = defaultdict(list)
    for row in await session.all(asked):
        values = row._asdict()
        found[values.pop("message_id")].append(pb.Reaction(**values))
    return found


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
    return tuple_(Message.timestamp, Message.id) < tuple_(known.timestamp, known.id)
