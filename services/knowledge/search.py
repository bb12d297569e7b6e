"""The entries that answer a question, and whether the best of them is good enough to answer with."""

from protos import knowledge_pb2 as pb
from services.kit.actor import Actor
from services.kit.db import Database, Row, Session
from services.knowledge import embeddings, gate, index, words
from services.knowledge.embeddings import Vector
from services.knowledge.entries import entry
from services.knowledge.index import Index

LEAST_SCORE = 0.15
CANDIDATES = 20
FUSION = 2  # the smaller, the more the first ranks count; with the weights, tuned on the calibration set
MEANING, WORDING = 0.75, 0.25
BY_WORDS = """
    select id from knowledge_base
    where is_active and search_vector @@ to_tsquery('portuguese', %(any)s)
      and (sector_id is null or sector_id = %(sector_id)s::uuid)
    order by ts_rank_cd(search_vector, to_tsquery('portuguese', %(any)s), 32) desc, id limit %(limit)s
"""
ENTRIES = "select * from knowledge_base where id = any(%(ids)s::uuid[])"


async def search(db: Database, actor: Actor, request: pb.SearchRequest) -> pb.SearchResponse:
    terms = words.terms(request.query)
    if not terms:
        return pb.SearchResponse()
    question = await embeddings.of_question(request.query)
    sector = request.sector_id if request.HasField("sector_id") else None
    async with db.read() as session:
        known = (await index.current(session)).of(sector)
        order = fused(by_meaning(known, question), await _by_words(session, terms, sector))
        rows = await session.all(ENTRIES, ids=[*order])
    hits = sorted(
        (pb.Hit(entry=entry(row), score=score(row, order[row.id], terms)) for row in rows),
        key=lambda hit: (-hit.score, hit.entry.id),
    )
    confidence = _confidence(known, question, hits)
    return pb.SearchResponse(
        hits=[hit for hit in hits[: request.limit or 5] if hit.score >= LEAST_SCORE],
        accepted=confidence >= gate.ACCEPTED,
        confidence=confidence,
    )


def by_meaning(known: Index, question: Vector) -> list[str]:
    likeness = known.vectors @ question
    return [known.ids[row] for row in (-likeness).argsort()[:CANDIDATES]]


async def _by_words(session: Session, terms: list[str], sector: str | None) -> list[str]:
    rows = await session.all(BY_WORDS, any=" | ".join(terms), sector_id=sector, limit=CANDIDATES)
    return [row.id for row in rows]


def fused(by_meaning: list[str], by_words: list[str]) -> dict[str, float]:
    """What both orders say together, 1 for an entry that leads both."""
    points: dict[str, float] = {}
    for weight, order in ((MEANING, by_meaning), (WORDING, by_words)):
        for rank, id in enumerate(order):
            points[id] = points.get(id, 0.0) + weight * FUSION / (FUSION + rank)
    return points


def score(row: Row, relevance: float, terms: list[str]) -> float:
    overlap = len({*terms} & {*row.keywords_norm.split()}) / len(terms)
    return float((0.6 * relevance + 0.3 * overlap + 0.1 * row.priority / 100) * row.confidence_score)


def _confidence(known: Index, question: Vector, hits: list[pb.Hit]) -> float:
    """That the first hit answers; an entry whose vector is not there yet is not vouched for."""
    if not hits or hits[0].entry.id not in known.ids:
        return 0.0
    return gate.confidence(question, known.vectors, known.ids.index(hits[0].entry.id))
