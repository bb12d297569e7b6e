"""What people change in the knowledge base."""

from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.dialects.postgresql import insert

from protos import knowledge_pb2 as pb
from services.kit.actor import Actor
from services.kit.db import Row, Session
from services.kit.errors import Conflict, Invalid, NotFound
from services.kit.outbox import emit
from services.knowledge import words
from services.knowledge.entries import SHOWN, entry
from services.knowledge.models import Entry


class EntryNotFound(NotFound):
    """Entry not found"""


class DuplicateEntry(Conflict):
    """An active entry of this category asks the same question."""


class MissingFields(Invalid):
    """category, question and answer are required"""

    code = "validation_error"


FIELDS = ("category", "question", "answer", "priority", "sector_id", "source", "is_verified")
LOCKED = select(*SHOWN).where(Entry.id == bindparam("id")).with_for_update()
SAME_QUESTION = """
    select id from knowledge_base
    where is_active and category = %(category)s and question_norm = %(question_norm)s
      and sector_id is not distinct from %(sector_id)s::uuid and id is distinct from %(id)s::uuid
"""


async def manage(session: Session, actor: Actor, request: pb.ManageEntryRequest) -> pb.ManageEntryResponse:
    """Create an entry, or edit the one whose id is given."""
    if request.HasField("id"):
        return pb.ManageEntryResponse(
            success=True, entry=await edit(session, actor, request), http_status=200
        )
    return pb.ManageEntryResponse(success=True, entry=await create(session, actor, request), http_status=201)


async def create(session: Session, actor: Actor, request: pb.ManageEntryRequest) -> pb.Entry:
    if not (request.category and request.question and request.answer):
        raise MissingFields
    values = _given(request)
    values |= _derived(values["question"], values["answer"], request.keywords)
    values |= {
        "created_by": actor.id or None,
        "verified_by": actor.id or None if request.is_verified else None,
    }
    new = insert(Entry).values(**values).on_conflict_do_nothing().returning(*SHOWN)
    row = await session.first(new)
    if row is None:
        raise DuplicateEntry(details={"id": await session.scalar(SAME_QUESTION, **_place(values), id=None)})
    await emit(session, pb.EntryCreated(entry_id=row.id, category=row.category))
    return entry(row)


async def edit(session: Session, actor: Actor, request: pb.ManageEntryRequest) -> pb.Entry:
    before = await session.first(LOCKED, id=request.id)
    if before is None:
        raise EntryNotFound
    values = _given(request)
    question, answer = values.get("question", before.question), values.get("answer", before.answer)
    values |= _derived(question, answer, request.keywords or _kept(before, question, answer))
    values |= _standing(
        actor, request, before, changed=(question, answer) != (before.question, before.answer)
    )
    await _refuse_duplicate(session, before, values)
    row = await session.first(update(Entry).where(Entry.id == request.id).values(**values).returning(*SHOWN))
    assert row is not None
    await emit(session, pb.EntryUpdated(entry_id=request.id, category=row.category))
    return entry(row)


async def _refuse_duplicate(session: Session, before: Row, values: dict[str, Any]) -> None:
    place = _place({"category": before.category, "sector_id": before.sector_id} | values)
    if same := await session.scalar(SAME_QUESTION, **place, id=before.id):
        raise DuplicateEntry(details={"id": same})


def _given(request: pb.ManageEntryRequest) -> dict[str, Any]:
    return {name: getattr(request, name) for name in FIELDS if request.HasField(name)}


def _derived(question: str, answer: str, given: Any) -> dict[str, Any]:
    keywords = words.tidy(given) or words.keywords(question, answer)
    return {
        "keywords": keywords,
        "question_norm": words.fold(question),
        "answer_norm": words.fold(answer),
        "keywords_norm": words.fold(" ".join(keywords)),
    }


def _kept(before: Row, question: str, answer: str) -> list[str]:
    """Keywords stay while the text does; a new text gets new ones."""
    return before.keywords if (question, answer) == (before.question, before.answer) else []


def _standing(actor: Actor, request: pb.ManageEntryRequest, before: Row, *, changed: bool) -> dict[str, Any]:
    """A changed text is a new version, and nobody has verified it yet."""
    standing: dict[str, Any] = {"version": before.version + 1, "is_verified": False} if changed else {}
    if request.HasField("is_verified"):
        standing["is_verified"] = request.is_verified
        if request.is_verified:
            standing |= {"verified_by": actor.id or None, "confidence_score": 1.0}
    return standing


def _place(values: dict[str, Any]) -> dict[str, Any]:
    return {
        "category": values["category"],
        "question_norm": values["question_norm"],
        "sector_id": values.get("sector_id"),
    }
