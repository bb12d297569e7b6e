"""The vectors of the active entries, in memory; read again when the table has changed."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from services.kit.db import Session
from services.knowledge import embeddings
from services.knowledge.embeddings import Vector

STATE = """
    select count(*), max(updated_at), sum(version) from knowledge_base
    where is_active and embedding is not null
"""
ROWS = """
    select id, sector_id, embedding from knowledge_base
    where is_active and embedding is not null order by id
"""


@dataclass(frozen=True)
class Index:
    state: Any = None
    ids: tuple[str, ...] = ()
    sectors: tuple[str | None, ...] = ()
    vectors: Vector = field(default_factory=lambda: np.zeros((0, 384), np.float32))

    def of(self, sector: str | None) -> "Index":
        """What a sector may use: its own entries, and those of no sector."""
        rows = [row for row, own in enumerate(self.sectors) if own in (None, sector)]
        if len(rows) == len(self.ids):
            return self
        return Index(
            self.state,
            tuple(self.ids[row] for row in rows),
            tuple(self.sectors[row] for row in rows),
            self.vectors[rows],
        )


_index = Index()


async def current(session: Session) -> Index:
    global _index
    state = tuple(await session.first(STATE) or ())
    if _index.state != state:
        rows = await session.all(ROWS)
        vectors = [embeddings.unpacked(row.embedding) for row in rows]
        _index = Index(
            state,
            tuple(row.id for row in rows),
            tuple(row.sector_id for row in rows),
            np.array(vectors, np.float32).reshape(-1, 384),
        )
    return _index
