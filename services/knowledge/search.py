"""The entries that answer a question, and whether the best of them is good enough to answer with."""

from protos import knowledge_pb2 as pb
from services.kit.actor import Actor
from services.kit.db import Row, Session
from services.knowledge import words
from services.knowledge.entries import entry

LEAST_SCORE = 0.15
LEAST_COVERAGE = 0.6  # of the question's words, weighed by how rare they are
CANDIDATES = """
    with asked as (
        select to_tsquery('portuguese', %(any)s) as query,
               tsvector_to_array(to_tsvector('portuguese', %(text)s)) as lexemes
    ), found as (
        select k.*, asked.lexemes,
            ts_rank_cd(k.search_vector, asked.query, 32) as rank,
            array(select unnest(asked.lexemes)
                  intersect select unnest(tsvector_to_array(k.search_vector))) as shared
        from knowledge_base k, asked
        where k.is_active and k.search_vector @@ asked.query
          and (k.sector_id is null or k.sector_id = %(sector_id)s::uuid)
    )
    select *, cardinality(shared)::float / greatest(cardinality(lexemes), 1) as coverage
    from found order by rank desc limit 50
"""


async def search(session: Session, actor: Actor, request: pb.SearchRequest) -> pb.SearchResponse:
    terms = words.terms(request.query)
    if not terms:
        return pb.SearchResponse()
    rows = await session.all(
        CANDIDATES,
        any=" | ".join(terms),
        text=" ".join(terms),
        sector_id=request.sector_id if request.HasField("sector_id") else None,
    )
    best = max((row.rank for row in rows), default=1.0) or 1.0
    hits = [pb.Hit(entry=entry(row), score=_score(row, best, terms)) for row in rows]
    hits.sort(key=lambda hit: -hit.score)
    accepted = any(row.id == hits[0].entry.id and row.coverage >= LEAST_COVERAGE for row in rows)
    return pb.SearchResponse(
        hits=[hit for hit in hits[: request.limit or 5] if hit.score >= LEAST_SCORE], accepted=accepted
    )


def _score(row: Row, best: float, terms: list[str]) -> float:
    overlap = len({*terms} & {*row.keywords_norm.split()}) / len(terms)
    return float((0.6 * row.rank / best + 0.3 * overlap + 0.1 * row.priority / 100) * row.confidence_score)
