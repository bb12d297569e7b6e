"""Findings by keywords: less than a model sees, but there when no model is."""

import re
from collections.abc import Iterable
from functools import lru_cache

from protos.intelligence_pb2 import AnalyzeBantResponse, BantEvidence
from services.kit.db import Row
from services.sales import words
from services.sales.bant import DIMENSIONS, Source

DECISION_MAKERS = ("diretor", "decisor", "dono", "proprietario", "ceo", "socio", "presidente")
AT_ONCE = ("agora", "hoje", "urgente", "urgencia", "imediato", "imediatamente")
SOON = ("esta semana", "essa semana", "nesta semana", "prazo")
LABELS = {"budget": "orçamento", "authority": "decisão", "need": "necessidade", "timeline": "prazo"}

SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
Hits = dict[str, BantEvidence]


def analyze(known: dict[str, Source], criteria: Row) -> AnalyzeBantResponse:
    """A dimension is detected when any of its keywords occurs; each further one adds confidence.

    Colleagues are read only where the customer said nothing: "liguei hoje" is not the customer's hurry.
    """
    said = {id: source for id, source in known.items() if source.kind == "message"} or known
    hits = {dimension: find(said, getattr(criteria, f"{dimension}_keywords")) for dimension in DIMENSIONS}
    is_urgent = bool(find(said, AT_ONCE))
    analysis = AnalyzeBantResponse(provider="rules", degraded=True, reasoning=_reasoning(hits))
    for dimension, found in hits.items():
        finding = getattr(analysis, dimension)
        finding.detected = bool(found)
        finding.confidence = confidence(len(found))
        finding.evidence.extend(found.values())
    analysis.authority.is_decision_maker = any(_is_decision_maker(hit) for hit in hits["authority"])
    analysis.need.urgency = "high" if is_urgent else "medium"
    analysis.timeline.timeframe = _timeframe(is_urgent, bool(find(said, SOON)))
    analysis.overall_intent = _intent(hits)
    return analysis


def find(known: dict[str, Source], keywords: Iterable[str]) -> Hits:
    """The keywords that occur, each with the sentence in which it was first found."""
    hits: Hits = {}
    for id, source in known.items():
        for sentence in SENTENCE.split(source.text):
            plain = words.sort_key(sentence)
            for keyword in keywords:
                if keyword not in hits and _occurs(keyword, plain):
                    hits[keyword] = BantEvidence(message_id=id, quote=sentence.strip())
    return hits


def confidence(hits: int) -> float:
    return min(0.5 + 0.1 * (hits - 1), 0.9) if hits else 0.0


def _occurs(keyword: str, plain: str) -> bool:
    """As whole words, in the plural too."""
    word, pattern = _pattern(keyword)
    return word in plain and pattern.search(plain) is not None


@lru_cache(4096)
def _pattern(keyword: str) -> tuple[str, re.Pattern[str]]:
    word = words.sort_key(keyword)
    return word, re.compile(rf"\b{re.escape(word)}(?:a|e?s|as)?\b")


def _is_decision_maker(keyword: str) -> bool:
    return words.sort_key(keyword) in DECISION_MAKERS


def _timeframe(is_urgent: bool, is_soon: bool) -> str:
    if is_urgent:
        return "immediate"
    return "1-2_weeks" if is_soon else "indefinite"


def _intent(hits: dict[str, Hits]) -> str:
    if hits["budget"] and (hits["need"] or hits["timeline"]):
        return "purchase"
    return "information" if any(hits.values()) else "other"


def _reasoning(hits: dict[str, Hits]) -> str:
    found = [f"{LABELS[dimension]} ({', '.join(some)})" for dimension, some in hits.items() if some]
    return (
        f"Palavras-chave encontradas: {'; '.join(found)}." if found else "Nenhuma palavra-chave encontrada."
    )
