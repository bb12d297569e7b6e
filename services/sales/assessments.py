"""An assessment: what can be read about a customer, analysed, checked against the text, and scored."""

from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from protos.intelligence_pb2 import (
    AnalyzeBantRequest,
    AnalyzeBantResponse,
    BantActivity,
    BantLead,
    BantMessage,
)
from services.kit.db import Row
from services.kit.errors import Refusal
from services.kit.log import log
from services.sales import bant, keywords, peers
from services.sales.bant import DIMENSIONS, Score

LARGEST_VALUE = 9_999_999_999.99
INTENTS = ("purchase", "information", "support", "other")


@dataclass(frozen=True)
class Assessment:
    analysis: AnalyzeBantResponse
    score: Score
    findings: dict[str, str]  # JSON of each dimension
    refused: list[dict[str, str]]  # quotes that are nowhere to be read
    recommendation: str

    @property
    def intent(self) -> str:
        return self.analysis.overall_intent if self.analysis.overall_intent in INTENTS else "other"

    @property
    def suggested_value(self) -> float | None:
        """What the lead may be worth; what no lead can be worth was misread."""
        value = self.analysis.suggested_value if self.analysis.HasField("suggested_value") else -1.0
        return round(value, 2) if 0 <= value <= LARGEST_VALUE else None


async def assess(request: AnalyzeBantRequest, notes_id: str, criteria: Row) -> Assessment:
    known = bant.sources(request, notes_id)
    if known:
        found = await _analyze(request, known, criteria)
    else:
        found = AnalyzeBantResponse(provider="rules", reasoning="Ainda não há o que analisar.")
    analysis, refused = bant.verified(found, known)
    score = bant.score(analysis, criteria)
    return Assessment(
        analysis=analysis,
        score=score,
        findings={dimension: bant.document(analysis, dimension, score, known) for dimension in DIMENSIONS},
        refused=refused,
        recommendation=bant.recommendation(score.lead, criteria),
    )


def material(
    lead: Row | None, conversation_id: str | None, messages: list[BantMessage], activities: Sequence[Row]
) -> AnalyzeBantRequest:
    """What there is to read, oldest first."""
    return AnalyzeBantRequest(
        conversation_id=conversation_id,
        lead=_facts(lead) if lead else None,
        messages=messages,
        activities=[BantActivity(**row._asdict()) for row in activities],
    )


def document(assessment: Assessment) -> str:
    """The analysis as the qualification log keeps it, refused quotes included."""
    whole = {dimension: orjson.Fragment(text) for dimension, text in assessment.findings.items()}
    return orjson.dumps(whole | {"refused": assessment.refused}).decode()


def opinion(assessment: Assessment) -> str:
    """What the lead keeps beside the findings: our recommendation, and the model's opinion."""
    analysis = assessment.analysis
    return orjson.dumps(
        {
            "overallIntent": assessment.intent,
            "recommendation": assessment.recommendation,
            "recommendedAction": analysis.recommended_action or None,
            "suggestedValue": assessment.suggested_value,
            "reasoning": analysis.reasoning,
            "provider": analysis.provider,
            "model": analysis.model or None,
            "degraded": analysis.degraded,
        }
    ).decode()


async def _analyze(
    request: AnalyzeBantRequest, known: dict[str, bant.Source], criteria: Row
) -> AnalyzeBantResponse:
    try:
        return await peers.analyze(request)
    except Refusal as refusal:
        log.warning("bant_by_keywords", reason=refusal.name, conversation_id=request.conversation_id)
        return keywords.analyze(known, criteria)


def _facts(lead: Row) -> BantLead:
    return BantLead(
        name=lead.name,
        company=lead.company or "",
        status=lead.status,
        source=lead.source,
        value=lead.value,
        notes=lead.notes or "",
        tags=lead.tags,
    )
