"""A conversation with what is asked for beside it, and the changes that its page offers."""

from typing import Any

import orjson
from sqlalchemy import literal, select, update
from sqlalchemy.dialects.postgresql import JSONB

from protos import messaging_pb2 as pb
from services.kit.actor import Actor
from services.kit.clock import now
from services.kit.db import Database, Row, Session
from services.kit.errors import Invalid
from services.kit.outbox import emit
from services.messaging import assignments, conversations, modes, notes, reading
from services.messaging.models import Conversation
from services.messaging.visibility import ConversationNotFound, visible

EDITABLE = {
    "status",
    "category",
    "subcategory",
    "conversation_mode",
    "assigned_to",
    "unread_count",
    "metadata",
    "generate_summary",
}
CLEARABLE = ("category", "subcategory")
UNASKED = {"id"}


class NotEditable(Invalid):
    """This field cannot be changed here."""


async def get(
    session: Session, actor: Actor, request: pb.GetConversationRequest
) -> pb.GetConversationResponse:
    reply = await conversations.get_conversation(session, actor, request)
    if "notes" in request.include:
        asked = pb.ListNotesRequest(id=request.id, limit=200)
        reply.notes.extend((await notes.list_notes(session, actor, asked)).notes)
    if "assignments" in request.include:
        history = pb.ListAssignmentsRequest(id=request.id, limit=200)
        reply.assignments.extend((await assignments.list_assignments(session, actor, history)).assignments)
    return reply


async def change(
    db: Database, actor: Actor, request: pb.UpdateConversationRequest
) -> pb.ConversationResponse:
    """What the body names, and nothing else; what has a command of its own goes through that."""
    named = set(request.update_mask.paths) - UNASKED
    _check(request, named)
    marked = None
    async with db.begin() as session:
        row = await session.first(
            select(Conversation.status, Conversation.unread_count)
            .where(Conversation.id == request.id, visible(actor))
            .with_for_update()
        )
        if row is None:
            raise ConversationNotFound
        await _write(session, actor, request, row, named)
        if request.conversation_mode:
            await modes.change(session, actor, request.id, request.conversation_mode)
        if "unread_count" in named and request.unread_count == 0:
            marked = await reading.mark(session, request.id)
        if "assigned_to" in named:
            await assignments.give(session, actor, request.id, request.assigned_to or None, None)
        shown = await conversations.header(session, actor, request.id)
    if marked:
        await reading.tell(marked)
    return pb.ConversationResponse(success=True, conversation=shown)


def _check(request: pb.UpdateConversationRequest, named: set[str]) -> None:
    fields = request.DESCRIPTOR.fields_by_name
    for name in sorted(named - EDITABLE):
        field = fields[name].json_name
        raise NotEditable(f"Field not editable: {field}", fields={field: "cannot be changed here"})
    if not named - {"generate_summary"}:
        raise Invalid("No valid fields")
    if request.metadata and not isinstance(orjson.loads(request.metadata), dict):
        raise Invalid(fields={"metadata": "must be an object"})


async def _write(
    session: Session, actor: Actor, request: pb.UpdateConversationRequest, row: Row, named: set[str]
) -> None:
    values: dict[str, Any] = {name: getattr(request, name) or None for name in CLEARABLE if name in named}
    if "unread_count" in named and request.unread_count:
        values["unread_count"] = max(row.unread_count, 1)
    if request.metadata:
        values["metadata_"] = Conversation.metadata_.concat(literal(request.metadata, JSONB))
    if request.status and request.status != row.status:
        values |= {"status": request.status, "closed_at": None if request.status == "active" else now()}
        await emit(session, _moved(actor, request))
    if values:
        await session.run(update(Conversation).where(Conversation.id == request.id).values(**values))
        names = {field.name: field.json_name for field in request.DESCRIPTOR.fields}
        changed = [names[name] for name in sorted(named & names.keys())]
        await emit(session, pb.ConversationUpdated(conversation_id=request.id, changed=changed))


def _moved(
    actor: Actor, request: pb.UpdateConversationRequest
) -> pb.ConversationClosed | pb.ConversationArchived | pb.ConversationReopened:
    by = actor.id or actor.service
    match request.status:
        case "closed":
            return pb.ConversationClosed(
                conversation_id=request.id, closed_by=by, generate_summary=request.generate_summary
            )
        case "archived":
            return pb.ConversationArchived(conversation_id=request.id, archived_by=by)
        case _:
            return pb.ConversationReopened(conversation_id=request.id, trigger="manual")
