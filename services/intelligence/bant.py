"""What a customer said about budget, authority, need and timeline; sales makes a score of it."""

from typing import Any

from protos import intelligence_pb2 as pb
from services.intelligence import capabilities, evidence, outputs, tasks
from services.kit.actor import Actor
from services.kit.db import Database


async def analyze(db: Database, actor: Actor, request: pb.AnalyzeBantRequest) -> pb.AnalyzeBantResponse:
    async def by_rules() -> pb.AnalyzeBantResponse:
        return evidence.analyze(request)

    return await capabilities.served("bant", lambda: _by_model(db, request), by_rules)


async def _by_model(db: Database, request: pb.AnalyzeBantRequest) -> pb.AnalyzeBantResponse:
    ask = tasks.ask(
        "bant",
        tasks.BANT,
        material(request),
        temperature=0.3,
        max_tokens=1000,
        kind=outputs.Bant,
        conversation_id=request.conversation_id or None,
    )
    found, answer = await outputs.ask_for(db, outputs.Bant, ask)
    return pb.AnalyzeBantResponse(
        budget=pb.BudgetFinding(**_finding(found.budget), estimated_value=found.budget.estimated_value),
        authority=pb.AuthorityFinding(
            **_finding(found.authority),
            role=(found.authority.role or "")[:100],
            is_decision_maker=found.authority.is_decision_maker,
        ),
        need=pb.NeedFinding(
            **_finding(found.need),
            pain_points=[point[:300] for point in found.need.pain_points[:5]],
            urgency=found.need.urgency,
        ),
        timeline=pb.TimelineFinding(**_finding(found.timeline), timeframe=found.timeline.timeframe),
        overall_intent=found.overall_intent,
        recommended_action=found.recommended_action,
        suggested_value=found.suggested_value,
        reasoning=found.reasoning[:2000],
        provider=answer.provider,
        model=answer.model,
        tokens_used=answer.tokens,
    )


def material(request: pb.AnalyzeBantRequest) -> str:
    """Messages, activities and the lead's own lines, each with the id that a finding may cite."""
    lines = [
        f"[{one.id}] {'Cliente' if one.from_customer else 'Empresa'}: {' '.join(one.text.split())}"
        for one in request.messages
    ]
    lines += [
        f"[{activity.id}] Atividade ({activity.type}): {' '.join(activity.description.split())}"
        for activity in request.activities
    ]
    if request.HasField("lead") and request.lead.notes:
        lines.append(f"Anotações do lead: {' '.join(request.lead.notes.split())}")
    return "\n".join(lines)


def _finding(found: outputs.Found) -> dict[str, Any]:
    cited = [pb.BantEvidence(message_id=one.message_id, quote=one.quote[:500]) for one in found.evidence[:5]]
    return {"detected": found.detected and bool(cited), "confidence": found.confidence, "evidence": cited}
