"""Who sees which conversation: what a caller may not see does not exist."""

from typing import Any

from sqlalchemy import Boolean, ColumnElement, and_, bindparam, or_, true

from services.kit.actor import Actor
from services.kit.errors import NotFound
from services.messaging.models import Conversation, Message


class ConversationNotFound(NotFound):
    """Conversation not found"""


VISIBLE = or_(
    bindparam("leads", type_=Boolean),
    Conversation.assigned_to == bindparam("viewer"),
    Conversation.assigned_to.is_(None),
)


def viewer(actor: Actor) -> dict[str, Any]:
    """The values of VISIBLE, which statements hold that are there to stay."""
    return {"leads": actor.leads, "viewer": actor.id or None}


def visible(actor: Actor) -> ColumnElement[Any]:
    """Agents see what is theirs and the queue; everybody else sees all."""
    if actor.leads:
        return true()
    return or_(Conversation.assigned_to == actor.id, Conversation.assigned_to.is_(None))


def readable(actor: Actor) -> ColumnElement[bool]:
    """What colleagues write internally is for supervisors."""
    return true() if actor.leads else Message.is_internal.is_(False)


def has_its_files(actor: Actor) -> ColumnElement[bool]:
    """What was taken back shows its content to supervisors only."""
    return true() if actor.leads else and_(readable(actor), Message.deleted_at.is_(None))
