"""Budget, authority, need and timeline: what counts as evidence, and how findings make a score."""

import re
from dataclasses import dataclass
from math import floor
from typing import Any

import orjson

from protos.intelligence_pb2 import AnalyzeBantRequest, AnalyzeBantResponse, BantMessage
from protos.messaging_pb2 import Message
from services.kit.db import Row
from services.sales import words

DIMENSIONS = ("budget", "authority", "need", "timeline")
URGENCIES = {"high": 1.0, "medium": 0.7, "low": 0.4}
TIMEFRAMES = {"immediate": 1.0, "1-2_weeks": 0.8, "1_month": 0.5, "indefinite": 0.2}
SUBORDINATE = 0.6
CONTACTED_AT = 0.7  # of what qualifies

PLACEHOLDER = re.compile(r"\[\w+\]")


@dataclass(frozen=True)
class Source:
    """Something that a finding may cite: the customer's words, or a colleague's."""

    kind: str  # message, activity, notes
    text: str


@dataclass(frozen=True)
class Score:
    dimensions: dict[str, float]  # 0 to 10
    lead: int  # 0 to 100


def readable(message: Message) -> BantMessage:
    """A message as words."""
    text = message.audio_transcription or message.content or f"[{message.message_type}]"
    return BantMessage(
        id=message.id, from_customer=not message.is_from_me, text=text, sent_at=message.timestamp
    )


def sources(request: AnalyzeBantRequest, notes_id: str) -> dict[str, Source]:
    """What may be cited, by id. What we said ourselves proves nothing about the customer."""
    said = {
        message.id: Source("message", message.text)
        for message in request.messages
        if message.from_customer and not PLACEHOLDER.fullmatch(message.text)
    }
    noted = {
        activity.id: Source("activity", f"{activity.description}\n{activity.outcome}")
        for activity in request.activities
    }
    notes = {notes_id: Source("notes", request.lead.notes)} if request.lead.notes else {}
    return said | noted | notes


def verified(
    analysis: AnalyzeBantResponse, known: dict[str, Source]
) -> tuple[AnalyzeBantResponse, list[dict[str, str]]]:
    """The findings whose quotes can be read where they are said to be, and the quotes that cannot.

    A finding that is left without evidence is dropped, and without a budget no value is believed.
    """
    checked = AnalyzeBantResponse()
    checked.CopyFrom(analysis)
    refused = []
    for dimension in DIMENSIONS:
        finding: Any = getattr(checked, dimension)
        cited = [*finding.evidence]
        kept = [evidence for evidence in cited if _is_said(evidence.quote, known.get(evidence.message_id))]
        refused += [
            {"dimension": dimension, "id": evidence.message_id, "quote": evidence.quote}
            for evidence in cited
            if evidence not in kept
        ]
        if finding.detected and not cited:
            refused.append({"dimension": dimension, "id": "", "quote": ""})
        if not finding.detected or not kept:
            finding.Clear()
        del finding.evidence[:]
        finding.evidence.extend(kept)
    if not checked.budget.detected:
        checked.ClearField("suggested_value")
    return checked, refused


def score(analysis: AnalyzeBantResponse, criteria: Row) -> Score:
    """Ours to compute, never the model's."""
    parts = {dimension: _part(analysis, dimension) for dimension in DIMENSIONS}
    total = sum(part * getattr(criteria, f"{dimension}_weight") for dimension, part in parts.items())
    return Score(
        dimensions={dimension: _half_up(part * 100) / 10 for dimension, part in parts.items()},
        lead=_half_up(min(max(total, 0.0), 100.0)),
    )


def recommendation(lead_score: int, criteria: Row) -> str:
    if lead_score >= criteria.auto_qualify_threshold:
        return "qualified"
    return "nurture" if lead_score >= criteria.auto_create_lead_threshold else "disqualify"


def first_stage(lead_score: int, criteria: Row) -> str:
    """Where a lead begins that is made from a conversation."""
    if lead_score >= criteria.auto_qualify_threshold:
        return "qualified"
    return "contacted" if lead_score >= CONTACTED_AT * criteria.auto_qualify_threshold else "new"


def document(analysis: AnalyzeBantResponse, dimension: str, scored: Score, known: dict[str, Source]) -> str:
    """One finding as JSON, with the words that it rests on."""
    finding: Any = getattr(analysis, dimension)
    found: dict[str, Any] = {
        "detected": finding.detected,
        "confidence": round(_confidence(finding), 4),
        "score": scored.dimensions[dimension],
        "evidence": [
            {"source": known[evidence.message_id].kind, "id": evidence.message_id, "quote": evidence.quote}
            for evidence in finding.evidence
        ],
    }
    return orjson.dumps(found | _details(analysis, dimension)).decode()


def _details(analysis: AnalyzeBantResponse, dimension: str) -> dict[str, Any]:
    if dimension == "budget":
        budget = analysis.budget
        return {"estimatedValue": budget.estimated_value if budget.HasField("estimated_value") else None}
    if dimension == "authority":
        authority = analysis.authority
        return {"role": authority.role or None, "isDecisionMaker": authority.is_decision_maker}
    if dimension == "need":
        return {"painPoints": [*analysis.need.pain_points], "urgency": analysis.need.urgency or None}
    return {"timeframe": analysis.timeline.timeframe or None}


def _part(analysis: AnalyzeBantResponse, dimension: str) -> float:
    """Confidence times multiplier: 0 to 1."""
    return _confidence(getattr(analysis, dimension)) * _multiplier(analysis, dimension)


def _confidence(finding: Any) -> float:
    return min(max(finding.confidence, 0.0), 1.0) if finding.detected else 0.0


def _multiplier(analysis: AnalyzeBantResponse, dimension: str) -> float:
    if dimension == "authority":
        return 1.0 if analysis.authority.is_decision_maker else SUBORDINATE
    if dimension == "need":
        return URGENCIES.get(analysis.need.urgency, URGENCIES["low"])
    if dimension == "timeline":
        return TIMEFRAMES.get(analysis.timeline.timeframe, TIMEFRAMES["indefinite"])
    return 1.0


def _half_up(number: float) -> int:
    return floor(round(number, 6) + 0.5)


def _is_said(quote: str, source: Source | None) -> bool:
    wanted = words.sort_key(quote)
    return source is not None and bool(wanted) and wanted in words.sort_key(source.text)
