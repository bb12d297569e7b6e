"""What an optimisation finds: entries that repeat each other, that nobody uses, or that are used much."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from services.kit.clock import parse
from services.kit.db import Row
from services.knowledge import embeddings, gate

UNUSED_AFTER = timedelta(days=30)
STALE_AFTER = timedelta(days=60)
RAISED_EVERY = timedelta(days=30)
MUCH_USED = 10
ALIKE = 0.62  # pairs that say the same begin at 0.63, pairs that do not end at 0.61 (calibration set)
BLOCK = 500

SUGGESTIONS = {
    "duplicate": "Junte as entradas repetidas e revise as parecidas.",
    "low_usage": "Revise ou retire as entradas que ninguém usou nos últimos 30 dias.",
    "stale": "Confirme se ainda valem as entradas que não são usadas há 60 dias.",
    "high_value": "Mantenha atualizadas as entradas mais usadas.",
    "missing_keywords": "Acrescente palavras-chave às entradas que não têm nenhuma.",
    "gap": "Escreva respostas para as perguntas que ficaram sem resposta.",
}


@dataclass(frozen=True)
class Findings:
    exact: list[list[Row]]  # each group with the entry to keep first
    similar: list[str]
    low_usage: list[str]
    stale: list[str]
    high_value: list[str]
    missing_keywords: list[str]

    @property
    def duplicate(self) -> list[str]:
        repeated = [row.id for group in self.exact for row in group]
        return [*dict.fromkeys([*repeated, *self.similar])]


def find(entries: Sequence[Row], at: datetime) -> Findings:
    return Findings(
        exact=exact(entries),
        similar=similar(entries),
        low_usage=[
            row.id for row in entries if not row.use_count and _before(row.created_at, at - UNUSED_AFTER)
        ],
        stale=[row.id for row in entries if row.last_used_at and _before(row.last_used_at, at - STALE_AFTER)],
        high_value=[row.id for row in entries if row.use_count > MUCH_USED],
        missing_keywords=[row.id for row in entries if not row.keywords],
    )


def exact(entries: Sequence[Row]) -> list[list[Row]]:
    """The same question in the same sector, whatever its category."""
    groups: dict[tuple[str | None, str], list[Row]] = defaultdict(list)
    for row in entries:
        groups[row.sector_id, row.question_norm].append(row)
    best = [sorted(group, key=_merit, reverse=True) for group in groups.values()]
    return [group for group in best if len(group) > 1]


def _merit(row: Row) -> tuple[bool, int, int, str]:
    return row.is_verified, row.priority, row.use_count, row.created_at


def similar(entries: Sequence[Row]) -> list[str]:
    """Entries that say what another one says, in other words, in the same sector."""
    known = [row for row in entries if row.embedding]
    if len(known) < 2:
        return []
    sectors = np.array([row.sector_id or "" for row in known])
    vectors = gate.centred(
        np.array([embeddings.unpacked(row.embedding) for row in known]), gate.gate().entry_mean
    )
    found: set[int] = set()
    for start in range(0, len(known), BLOCK):
        likeness = vectors[start : start + BLOCK] @ vectors.T
        likeness[sectors[start : start + BLOCK, None] != sectors[None, :]] = 0
        likeness[np.arange(len(likeness)), np.arange(start, start + len(likeness))] = 0
        found.update(int(row) + start for row in np.flatnonzero((likeness >= ALIKE).any(axis=1)))
    return [known[row].id for row in sorted(found)]


def may_be_raised(row: Row, at: datetime) -> bool:
    return row.raised_at is None or _before(row.raised_at, at - RAISED_EVERY)


def _before(moment: str, limit: datetime) -> bool:
    return parse(moment) < limit
