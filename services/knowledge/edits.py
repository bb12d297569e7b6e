"""What people change in the knowledge base."""

from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.dialects.postgresql import insert

from protos import knowledge_pb2 as pb
from services.kit.actor import Actor
from services.kit.db import Database, Row, Session
from services.kit.errors import Conflict, Invalid, NotFound
from services.kit.outbox import emit
from services.knowledge import imports, vectors, words
from services.knowledge.entries import SHOWN, entry
from services.knowledge.models import Entry


class EntryNotFound(NotFound):
    """Entry not found"""


class DuplicateEntry(Conflict):
    """An active entry of this category asks the same question."""


class MissingFields(Invalid):
    """category, question and answer are required"""

    code = "validation_error"


FIELDS = ("category", "question", "answer", "priority", "sector_id", "source", "is_verified", "is_active")
NEEDED = {"category", "question", "answer", "source", "is_active"}
DEFAULTS = {"priority": 0, "is_verified": False}
LOCKED = select(*SHOWN).where(Entry.id == bindparam("id")).with_for_update()
SAME_QUESTION = """
    select id from knowledge_base
    where is_active and category = %(category)s and question_norm = %(question_norm)s
      and sector_id is not distinct from %(sector_id)s::uuid and id is distinct from %(id)s::uuid
"""


async def manage(db: Database, actor: Actor, request: pb.ManageEntryRequest) -> pb.ManageEntryResponse:
    """Create an entry, edit the one whose id is given, or import many."""
    if request.entries:
        return await imports.take_in(db, actor, request)
    if request.HasField("id"):
        return await change(db, actor, _as_update(request))
    async with db.begin() as session:
        created = await create(session, actor, request)
    await vectors.fill(db)
    return pb.ManageEntryResponse(success=True, entry=created, http_status=201)


async def change(db: Database, actor: Actor, request: pb.UpdateEntryRequest) -> pb.ManageEntryResponse:
    async with db.begin() as session:
        changed = await edit(session, actor, request)
    await vectors.fill(db)
    return pb.ManageEntryResponse(success=True, entry=changed, http_status=200)


async def create(session: Session, actor: Actor, request: pb.ManageEntryRequest) -> pb.Entry:
    if not (request.category and request.question and request.answer):
        raise MissingFields
    values = {name: getattr(request, name) for name in FIELDS[:-1] if request.HasField(name)}
    values |= words.columns(values["question"], values["answer"], request.keywords)
    values["created_by"] = actor.id or None
    if request.is_verified:
        values["verified_by"] = actor.id or None
    new = insert(Entry).values(**values).on_conflict_do_nothing().returning(*SHOWN)
    row = await session.first(new)
    if row is None:
        raise DuplicateEntry(details={"id": await _same(session, values, None)})
    await emit(session, pb.EntryCreated(entry_id=row.id, category=row.category))
    return entry(row)


async def edit(session: Session, actor: Actor, request: pb.UpdateEntryRequest) -> pb.Entry:
    before = await session.first(LOCKED, id=request.id)
    if before is None:
        raise EntryNotFound
    values = _given(request)
    texts = values.get("question", before.question), values.get("answer", before.answer)
    is_new_text = texts != (before.question, before.answer)
    keywords = [*request.keywords] or ([] if is_new_text else before.keywords)
    values |= words.columns(*texts, keywords) | _standing(actor, request, before, is_new_text=is_new_text)
    if values.get("is_active", before.is_active):
        place = {"category": before.category, "sector_id": before.sector_id} | values
        if same := await _same(session, place, request.id):
            raise DuplicateEntry(details={"id": same})
    row = await session.first(update(Entry).where(Entry.id == request.id).values(**values).returning(*SHOWN))
    assert row is not None
    await emit(session, pb.EntryUpdated(entry_id=request.id, category=row.category))
    return entry(row)


async def remove(session: Session, actor: Actor, request: pb.DeleteEntryRequest) -> pb.DoneResponse:
    """Out of use; what is out of use already stays so."""
    before = await session.first(LOCKED, id=request.id)
    if before is None:
        raise EntryNotFound
    if before.is_active:
        await session.run(update(Entry).where(Entry.id == request.id).values(is_active=False))
        await emit(session, pb.EntryDeleted(entry_id=request.id))
    return pb.DoneResponse(success=True)


def _as_update(request: pb.ManageEntryRequest) -> pb.UpdateEntryRequest:
    changes = pb.UpdateEntryRequest(id=request.id, keywords=request.keywords)
    for field, value in request.ListFields():
        if field.name in FIELDS:
            setattr(changes, field.name, value)
            changes.update_mask.paths.append(field.name)
    return changes


def _given(request: pb.UpdateEntryRequest) -> dict[str, Any]:
    """What the body holds; null empties what may be empty."""
    values: dict[str, Any] = {}
    for name in request.update_mask.paths:
        if name in FIELDS and request.HasField(name):
            values[name] = getattr(request, name)
        elif name in FIELDS and name not in NEEDED:
            values[name] = DEFAULTS.get(name)
    return values


def _standing(
    actor: Actor, request: pb.UpdateEntryRequest, before: Row, *, is_new_text: bool
) -> dict[str, Any]:
    """A new text is a new version, without vector yet, and nobody has verified it."""
    standing: dict[str, Any] = {}
    if is_new_text:
        standing = {"version": before.version + 1, "is_verified": False, "embedding": None}
    if request.HasField("is_verified"):
        standing["is_verified"] = request.is_verified
        if request.is_verified:
            standing |= {"verified_by": actor.id or None, "confidence_score": 1.0}
    return standing


async def _same(session: Session, place: dict[str, Any], id: str | None) -> str | None:
    """The active entry that asks this already."""
    found: str | None = await session.scalar(
        SAME_QUESTION,
        category=place["category"],
        question_norm=place["question_norm"],
        sector_id=place.get("sector_id"),
        id=id,
    )
    return found
