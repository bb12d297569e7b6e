"""Budget, authority, need and timeline by rules: what customers said, quoted; denials do not count."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from protos import intelligence_pb2 as pb
from services.intelligence import signs
from services.intelligence.threads import fold

SENTENCE = re.compile(r"(?<=[.!?;])\s+|\n+")
MONEY = re.compile(r"(?:r\$\s*)(\d[\d.,]*)(\s*mil\b)?|\b(\d[\d.,]*)\s*(mil\b|reais\b)", re.IGNORECASE)


@dataclass(frozen=True)
class Sentence:
    message_id: str
    text: str
    plain: str


@dataclass
class Hits:
    sentences: list[Sentence] = field(default_factory=list)

    @property
    def confidence(self) -> float:
        """More evidence, more confidence, up to 0.9."""
        return min(0.9, 0.4 + 0.1 * len(self.sentences)) if self.sentences else 0.0


def analyze(request: pb.AnalyzeBantRequest) -> pb.AnalyzeBantResponse:
    said = sentences(request.messages)
    budget = find(said, signs.BUDGET, signs.NO_BUDGET)
    authority = find(said, signs.AUTHORITY, signs.NO_AUTHORITY)
    need = find(said, signs.NEED, signs.NO_NEED)
    timeline = find(said, (*signs.IMMEDIATE, *signs.WEEKS, *signs.MONTH, *signs.SOMEDAY), signs.HEDGE)
    plain = " ".join(one.plain for one in said)
    value = largest_amount(budget.sentences)
    found = pb.AnalyzeBantResponse(
        budget=pb.BudgetFinding(**_finding(budget), estimated_value=value),
        authority=pb.AuthorityFinding(
            **_finding(authority),
            is_decision_maker=any(_any(signs.DECIDES, one.plain) for one in authority.sentences),
        ),
        need=pb.NeedFinding(
            **_finding(need),
            pain_points=[one.text for one in need.sentences][:5],
            urgency="high" if _any(signs.HIGH, plain) else "low" if _any(signs.LOW, plain) else "medium",
        ),
        timeline=pb.TimelineFinding(**_finding(timeline), timeframe=_timeframe(timeline)),
        overall_intent=_intent(budget, need, timeline, plain),
        suggested_value=value,
        reasoning=_reasoning(budget, authority, need, timeline),
        provider="local",
        model="rules",
        degraded=True,
    )
    detected = [one for one in (budget, authority, need, timeline) if one.sentences]
    found.recommended_action = ("discard", "nurture", "nurture", "qualify", "qualify")[len(detected)]
    return found


def sentences(messages: Iterable[pb.BantMessage]) -> list[Sentence]:
    """What the customer said, sentence by sentence; what we said proves nothing."""
    return [
        Sentence(message.id, part.strip(), fold(part))
        for message in messages
        if message.from_customer
        for part in SENTENCE.split(message.text)
        if part.strip()
    ]


def find(said: Sequence[Sentence], patterns: Sequence[str], denials: Sequence[str]) -> Hits:
    """The sentences that say it; none where any sentence denies it."""
    if any(_any(denials, one.plain) for one in said):
        return Hits()
    return Hits([one for one in said if _any(patterns, one.plain)])


def largest_amount(said: Sequence[Sentence]) -> float | None:
    """The largest sum of money that is named."""
    amounts = [_amount(match) for one in said for match in MONEY.finditer(one.text)]
    return max((amount for amount in amounts if amount), default=None)


def _amount(match: re.Match[str]) -> float | None:
    digits = match.group(1) or match.group(3)
    thousands = bool(match.group(2)) or (match.group(4) or "").lower() == "mil"
    whole = re.sub(r"[.,](?=\d{3}(?:\D|$))", "", digits).replace(",", ".").rstrip(".")
    try:
        return float(whole) * (1000 if thousands else 1)
    except ValueError:
        return None


def _finding(hits: Hits) -> dict[str, Any]:
    return {
        "detected": bool(hits.sentences),
        "confidence": hits.confidence,
        "evidence": [pb.BantEvidence(message_id=one.message_id, quote=one.text) for one in hits.sentences][
            :5
        ],
    }


def _any(patterns: Iterable[str], plain: str) -> bool:
    return any(re.search(pattern, plain) for pattern in patterns)


def _timeframe(hits: Hits) -> str:
    plain = " ".join(one.plain for one in hits.sentences)
    if _any(signs.IMMEDIATE, plain):
        return "immediate"
    if _any(signs.WEEKS, plain):
        return "1-2_weeks"
    return "1_month" if _any(signs.MONTH, plain) else "indefinite"


def _intent(budget: Hits, need: Hits, timeline: Hits, plain: str) -> str:
    if _any(signs.SUPPORT, plain) and not budget.sentences:
        return "support"
    if budget.sentences or (need.sentences and timeline.sentences):
        return "purchase"
    return "information" if need.sentences or _any(signs.ASKING, plain) else "other"


def _reasoning(*hits: Hits) -> str:
    names = ("orçamento", "decisão", "necessidade", "prazo")
    found = [name for name, one in zip(names, hits, strict=True) if one.sentences]
    return (
        f"Indícios de {', '.join(found)} nas palavras do cliente." if found else "Nenhum indício encontrado."
    )
