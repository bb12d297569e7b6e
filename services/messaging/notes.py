"""Notes about a conversation, that only colleagues see."""

from typing import Any

from sqlalchemy import delete, func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from protos import messaging_pb2 as pb
from services.kit import pages
from services.kit.actor import Actor
from services.kit.db import Session
from services.kit.errors import Invalid, NotFound
from services.kit.outbox import emit
from services.kit.pb import columns, fill
from services.messaging import conversations
from services.messaging.inbox_models import Note, Person

SHOWN = (
    select(*columns(pb.Note, Note), Person.full_name.label("created_by_name"))
    .join(Person, Person.id == Note.created_by, isouter=True)
    .order_by(Note.is_pinned.desc(), Note.created_at.desc(), Note.id.desc())
)


class NoteNotFound(NotFound):
    """Note not found"""


async def list_notes(session: Session, actor: Actor, request: pb.ListNotesRequest) -> pb.ListNotesResponse:
    await conversations.require(session, actor, request.id)
    page = pages.read(request)
    statement = SHOWN.where(Note.conversation_id == request.id).limit(page.fetch).offset(page.offset)
    if page.after:
        here = (Note.is_pinned, Note.created_at, Note.id)
        statement = statement.where(tuple_(*here) < pages.place(page, *here))
    total = None
    if page.wants_total:
        total = await session.scalar(select(func.count()).where(Note.conversation_id == request.id))
    rows, pagination = pages.cut(
        page, await session.all(statement), lambda row: (row.is_pinned, row.created_at, row.id), total
    )
    return pb.ListNotesResponse(notes=[fill(pb.Note, row) for row in rows], pagination=pagination)


async def create(session: Session, actor: Actor, request: pb.CreateNoteRequest) -> pb.NoteResponse:
    await conversations.require(session, actor, request.id)
    made = await session.scalar(
        insert(Note)
        .values(
            conversation_id=request.id,
            content=request.content,
            is_pinned=request.is_pinned,
            created_by=actor.id or None,
        )
        .returning(Note.id)
    )
    return await _answer(session, request.id, made)


async def change(session: Session, actor: Actor, request: pb.UpdateNoteRequest) -> pb.NoteResponse:
    await conversations.require(session, actor, request.id)
    values: dict[str, Any] = {}
    if request.HasField("content"):
        values["content"] = request.content
    if request.HasField("is_pinned"):
        values["is_pinned"] = request.is_pinned
    if not values:
        raise Invalid("No valid fields")
    mine = (Note.id == request.note_id) & (Note.conversation_id == request.id)
    if not await session.run(update(Note).where(mine).values(**values)):
        raise NoteNotFound
    return await _answer(session, request.id, request.note_id)


async def remove(session: Session, actor: Actor, request: pb.DeleteNoteRequest) -> pb.DoneResponse:
    await conversations.require(session, actor, request.id)
    mine = (Note.id == request.note_id) & (Note.conversation_id == request.id)
    if not await session.run(delete(Note).where(mine)):
        raise NoteNotFound
    await emit(session, pb.NoteChanged(conversation_id=request.id, note_id=request.note_id, deleted=True))
    return pb.DoneResponse(success=True)


async def _answer(session: Session, conversation: str, id: str) -> pb.NoteResponse:
    await emit(session, pb.NoteChanged(conversation_id=conversation, note_id=id))
    row = await session.first(SHOWN.where(Note.id == id))
    return pb.NoteResponse(success=True, note=fill(pb.Note, row))
