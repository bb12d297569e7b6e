"""Questions that nobody has an answer to, counted so that somebody writes one."""

import numpy as np

from protos import intelligence_pb2
from protos import knowledge_pb2 as pb
from services.kit.clock import now
from services.kit.db import Row, Session
from services.kit.tables import new_id
from services.knowledge import embeddings, gate, words

SHOWN = 20
ALIKE = 0.92  # of the model's similarities between two ways to ask the same, the lower end

# Who asks again what was resolved has not found the entry: it is gone, or does not answer.
ASKED_AGAIN = """
    set occurrences = case when gap.resolved_entry_id is null then gap.occurrences + 1 else 1 end,
        resolved_entry_id = null, last_seen_at = %(at)s
"""
COUNT = f"""
    update knowledge_gaps as gap {ASKED_AGAIN}
    where sector_id is not distinct from %(sector)s::uuid and question_norm = %(norm)s
"""
NOTE = f"""
    insert into knowledge_gaps as gap
        (id, sector_id, question_norm, sample, embedding, first_seen_at, last_seen_at)
    values (%(id)s, %(sector)s, %(norm)s, %(sample)s, %(embedding)s, %(at)s, %(at)s)
    on conflict (sector_id, question_norm) do update {ASKED_AGAIN}
"""
UNRESOLVED = """
    select id, embedding from knowledge_gaps
    where resolved_entry_id is null and (%(sector)s::uuid is null or sector_id = %(sector)s::uuid)
    order by last_seen_at desc limit 500
"""
ENTRY = "select sector_id, question, answer from knowledge_base where id = %(id)s and is_active"
RESOLVE = "update knowledge_gaps set resolved_entry_id = %(entry)s where id = any(%(ids)s::uuid[])"
RECENT = """
    select sample as question, occurrences, embedding from knowledge_gaps
    where resolved_entry_id is null and last_seen_at > %(since)s
      and (%(sector)s::uuid is null or sector_id is null or sector_id = %(sector)s::uuid)
    order by occurrences desc, last_seen_at desc limit 200
"""


async def note(session: Session, event: intelligence_pb2.KnowledgeGapDetected) -> None:
    """What was asked before is counted; only what is new is read by the model."""
    sector = event.sector_id if event.HasField("sector_id") else None
    known = {"sector": sector, "norm": words.fold(event.question)[:500], "at": now()}
    if not known["norm"] or await session.run(COUNT, **known):
        return
    vector = await embeddings.of_question(event.question)
    sample = event.question[:500]
    await session.run(NOTE, id=new_id(), sample=sample, embedding=embeddings.packed(vector), **known)


async def resolve(session: Session, event: pb.EntryCreated) -> None:
    await _resolve(session, event.entry_id)


async def resolve_again(session: Session, event: pb.EntryUpdated) -> None:
    await _resolve(session, event.entry_id)


async def _resolve(session: Session, id: str) -> None:
    """Questions that this entry answers are open no more."""
    entry = await session.first(ENTRY, id=id)
    if entry is None:
        return
    vectors = np.array(await embeddings.of_entries([(entry.question, entry.answer)]))
    answered = [
        row.id
        for row in await session.all(UNRESOLVED, sector=entry.sector_id)
        if gate.confidence(embeddings.unpacked(row.embedding), vectors, 0) >= gate.ACCEPTED
    ]
    await session.run(RESOLVE, entry=id, ids=answered)


def clustered(rows: list[Row]) -> list[pb.OpenQuestion]:
    """Questions that mean the same, under the one that was asked most."""
    clusters: list[tuple[embeddings.Vector, pb.OpenQuestion]] = []
    for row in rows:
        vector = embeddings.unpacked(row.embedding)
        near = next((one for center, one in clusters if np.dot(center, vector) >= ALIKE), None)
        if near is not None:
            near.occurrences += row.occurrences
            continue
        clusters.append((vector, pb.OpenQuestion(question=row.question, occurrences=row.occurrences)))
    questions = sorted((one for _, one in clusters), key=lambda one: -one.occurrences)
    return questions[:SHOWN]
