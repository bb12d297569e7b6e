"""Many entries at once: each is checked and stored by itself, and each has a result."""

import uuid

from sqlalchemy.dialects.postgresql import insert

from protos import knowledge_pb2 as pb
from services.kit.actor import Actor
from services.kit.db import Database, Session
from services.kit.outbox import emit
from services.knowledge import vectors, words
from services.knowledge.models import Entry

LONGEST = {"category": 100, "question": 1000, "answer": 10_000}


async def take_in(db: Database, actor: Actor, request: pb.ManageEntryRequest) -> pb.ManageEntryResponse:
    source = request.source or "imported"
    async with db.begin() as session:
        results = [
            await _one(session, actor, number, one, source) for number, one in enumerate(request.entries)
        ]
    await vectors.fill(db)
    done = sum(result.success for result in results)
    return pb.ManageEntryResponse(
        success=done > 0,
        imported=done,
        failed=len(results) - done,
        results=results,
        http_status=201 if done else 200,
    )


async def _one(session: Session, actor: Actor, number: int, one: pb.NewEntry, source: str) -> pb.ImportResult:
    if problem := _problem(one):
        return pb.ImportResult(index=number, error=problem)
    question, answer = one.question.strip(), one.answer.strip()
    values = {
        "category": one.category.strip(),
        "question": question,
        "answer": answer,
        "priority": one.priority,
        "sector_id": one.sector_id if one.HasField("sector_id") else None,
        "source": source,
        "is_verified": one.is_verified,
        "verified_by": actor.id or None if one.is_verified else None,
        "created_by": actor.id or None,
    }
    new = insert(Entry).values(**values, **words.columns(question, answer, one.keywords))
    row = await session.first(new.on_conflict_do_nothing().returning(Entry.id))
    if row is None:
        return pb.ImportResult(index=number, error="An active entry of this category asks the same question.")
    await emit(session, pb.EntryCreated(entry_id=row.id, category=one.category.strip()))
    return pb.ImportResult(index=number, success=True, id=row.id)


def _problem(one: pb.NewEntry) -> str | None:
    for name, longest in LONGEST.items():
        text = getattr(one, name).strip()
        if not text:
            return f"{name} is required"
        if len(text) > longest:
            return f"{name} takes at most {longest} characters"
    if not 0 <= one.priority <= 100:
        return "priority must be between 0 and 100"
    return _sector_problem(one)


def _sector_problem(one: pb.NewEntry) -> str | None:
    if not one.HasField("sector_id"):
        return None
    try:
        uuid.UUID(one.sector_id)
    except ValueError:
        return "sectorId is not a valid id"
    return None
