"""Keeping the knowledge base in order: analysed every week, mended when an administrator says so."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import orjson
from sqlalchemy.dialects.postgresql import insert

from protos import intelligence_pb2
from protos import knowledge_pb2 as pb
from services.kit import actor as actors
from services.kit.actor import Actor
from services.kit.clock import now
from services.kit.db import Database, Row, Session
from services.kit.errors import Conflict, Refusal
from services.kit.log import log
from services.kit.outbox import emit
from services.kit.tables import new_id
from services.knowledge import findings, gaps, peers, words
from services.knowledge.findings import SUGGESTIONS, Findings
from services.knowledge.models import OptimizationLog


class OptimizationRuns(Conflict):
    """The knowledge base is being optimised already. Try again in a moment."""


KINDS = ("duplicate", "low_usage", "stale", "high_value", "missing_keywords")
GAPS_OF = timedelta(days=7)
LOCK = "select pg_try_advisory_xact_lock(hashtext('knowledge-optimization'))"
ENTRIES = """
    select id, sector_id, category, question, answer, question_norm, keywords, priority, use_count,
        is_verified, last_used_at, raised_at, created_at, embedding
    from knowledge_base where is_active and (%(sector)s::uuid is null or sector_id = %(sector)s::uuid)
    order by created_at
"""
KEEP = """
    update knowledge_base set keywords = %(keywords)s, keywords_norm = %(norm)s, use_count = %(uses)s,
        updated_at = %(at)s where id = %(id)s
"""
MERGE = """
    update knowledge_base set is_active = false, merged_into = %(into)s, updated_at = %(at)s
    where id = any(%(ids)s::uuid[])
"""
TO_HALF = """
    update knowledge_base set confidence_score = 0.5, updated_at = %(at)s
    where id = any(%(ids)s::uuid[]) and confidence_score > 0.5
"""
LOWER = """
    update knowledge_base set confidence_score = greatest(0.3, confidence_score - 0.1), updated_at = %(at)s
    where id = any(%(ids)s::uuid[]) and confidence_score > 0.3
"""
RAISE = """
    update knowledge_base
    set confidence_score = least(1.0, confidence_score + 0.1), raised_at = %(at)s, updated_at = %(at)s
    where id = any(%(ids)s::uuid[])
"""
NAME = """
    update knowledge_base set keywords = %(keywords)s, keywords_norm = %(norm)s, updated_at = %(at)s
    where id = %(id)s
"""


async def analyse_weekly(db: Database) -> None:
    await optimize(db, actors.service("system"), pb.OptimizeKnowledgeRequest())


async def optimize(
    db: Database, actor: Actor, request: pb.OptimizeKnowledgeRequest
) -> pb.OptimizeKnowledgeResponse:
    """Analyse; with `apply`, do what is safe. Similar entries and gaps are for people to judge."""
    sector = request.sector_id if request.HasField("sector_id") else None
    learning = await _learning(sector)
    async with db.begin() as session:
        if not await session.scalar(LOCK):
            raise OptimizationRuns
        entries = await session.all(ENTRIES, sector=sector)
        open_questions = gaps.clustered(await session.all(gaps.RECENT, since=now() - GAPS_OF, sector=sector))
        found = findings.find(entries, now())
        applied = await _apply(session, actor, entries, found) if request.apply else set()
        reply = pb.OptimizeKnowledgeResponse(
            success=True,
            total_entries=len(entries),
            categories=len({row.category for row in entries}),
            optimizations=_report(found, open_questions, applied),
            applied=request.apply,
            gaps=open_questions,
            coverage_score=coverage(entries, learning),
        )
        reply.log_id = await _note(session, actor, "analysis", len(entries), _counts(reply))
        await emit(
            session, pb.KnowledgeOptimized(log_id=reply.log_id, applied=request.apply, sector_id=sector)
        )
    return reply


def coverage(entries: Sequence[Row], learning: intelligence_pb2.CountLearningResponse) -> float:
    """0 to 100: entries, templates, examples, and how much is verified."""
    verified = sum(row.is_verified for row in entries) / len(entries) if entries else 0.0
    return round(
        30 * min(1.0, len(entries) / 20)
        + 30 * min(1.0, learning.templates / 10)
        + 20 * min(1.0, learning.examples / 10)
        + 20 * verified,
        1,
    )


async def _learning(sector: str | None) -> intelligence_pb2.CountLearningResponse:
    """Nothing while intelligence is away."""
    try:
        return await peers.intelligence.CountLearning(
            intelligence_pb2.CountLearningRequest(sector_id=sector), timeout=3.0
        )
    except Refusal as refusal:
        log.warning("learning_not_counted", code=refusal.name)
        return intelligence_pb2.CountLearningResponse()


def _report(
    found: Findings, open_questions: Sequence[pb.OpenQuestion], applied: set[str]
) -> list[pb.Optimization]:
    report = [
        pb.Optimization(
            type=kind,
            count=len(getattr(found, kind)),
            suggestion=SUGGESTIONS[kind],
            entry_ids=getattr(found, kind),
            applied=kind in applied,
        )
        for kind in KINDS
        if getattr(found, kind)
    ]
    if open_questions:
        report.append(pb.Optimization(type="gap", count=len(open_questions), suggestion=SUGGESTIONS["gap"]))
    return report


async def _apply(session: Session, actor: Actor, entries: Sequence[Row], found: Findings) -> set[str]:
    """The kinds of which something was changed; each leaves a row in the log."""
    raised = [row.id for row in entries if row.id in found.high_value and findings.may_be_raised(row, now())]
    nameless = [row for row in entries if row.id in found.missing_keywords]
    changed = {
        "duplicate": await _merge(session, found.exact),
        "low_usage": await session.run(TO_HALF, ids=found.low_usage, at=now()),
        "stale": await session.run(LOWER, ids=found.stale, at=now()),
        "high_value": await session.run(RAISE, ids=raised, at=now()),
        "missing_keywords": await _name(session, nameless),
    }
    for kind, count in changed.items():
        if count:
            type_ = "consolidation" if kind == "duplicate" else "update"
            await _note(session, actor, type_, count, {"type": kind, "entryIds": getattr(found, kind)})
    return {kind for kind, count in changed.items() if count}


async def _merge(session: Session, groups: list[list[Row]]) -> int:
    """How many went out of use. What a person verified stays, whatever repeats it."""
    merged = 0
    for kept, *others in groups:
        gone = [row for row in others if not row.is_verified]
        if not gone:
            continue
        keywords = [*dict.fromkeys(word for row in (kept, *gone) for word in row.keywords)]
        await session.run(
            KEEP,
            id=kept.id,
            keywords=keywords,
            norm=words.fold(" ".join(keywords)),
            uses=kept.use_count + sum(row.use_count for row in gone),
            at=now(),
        )
        await session.run(MERGE, ids=[row.id for row in gone], into=kept.id, at=now())
        await emit(session, *(pb.EntryDeleted(entry_id=row.id) for row in gone))
        merged += len(gone)
    return merged


async def _name(session: Session, nameless: list[Row]) -> int:
    for row in nameless:
        keywords = words.keywords(row.question, row.answer)
        norm = words.fold(" ".join(keywords))
        await session.run(NAME, id=row.id, keywords=keywords, norm=norm, at=now())
    return len(nameless)


async def _note(session: Session, actor: Actor, kind: str, count: int, changes: dict[str, Any]) -> str:
    id = new_id()
    await session.run(
        insert(OptimizationLog).values(
            id=id,
            optimization_type=kind,
            items_affected=count,
            changes=orjson.dumps(changes).decode(),
            performed_by=actor.id or "system",
        )
    )
    return id


def _counts(reply: pb.OptimizeKnowledgeResponse) -> dict[str, Any]:
    return {
        "optimizations": {one.type: one.count for one in reply.optimizations},
        "gaps": len(reply.gaps),
        "coverageScore": reply.coverage_score,
        "applied": reply.applied,
    }
