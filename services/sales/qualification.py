"""Qualification: an assessment, and what it does to a lead."""

from typing import Any

from protos import sales_pb2 as pb
from protos.intelligence_pb2 import BantMessage
from services.kit.actor import Actor
from services.kit.clock import now
from services.kit.db import Database, Row, Session
from services.kit.errors import Refusal
from services.kit.log import log
from services.kit.outbox import emit
from services.kit.pb import fill
from services.kit.tables import new_id
from services.sales import assessments, bant, criteria, journal, leads, peers, stages
from services.sales.assessments import Assessment
from services.sales.models import CLOSED

MESSAGES = 50
EARLY = ("new", "contacted")

ACTIVITIES = """
    select id, activity_type as type, description, outcome, created_at from (
        select * from lead_activities where lead_id = %(lead)s and activity_type <> all(%(ours)s)
        order by created_at desc, id desc limit 10
    ) as newest order by created_at, id
"""
LOG = """
    insert into lead_qualification_logs (id, lead_id, conversation_id, trigger_message_id, previous_score,
        new_score, bant_analysis, ai_reasoning, model_used, tokens_used, trigger_source, created_at)
    values (%(id)s, %(lead)s, %(conversation)s, %(message)s, %(previous)s,
        %(score)s, %(analysis)s, %(reasoning)s, %(model)s, %(tokens)s, %(trigger)s, %(at)s)
"""


async def qualify(db: Database, actor: Actor, request: pb.QualifyLeadRequest) -> pb.QualifyLeadResponse:
    async with db.read() as session:
        lead = await leads.one(session, actor, request.id)
        activities = await noted(session, lead.id)
        rules = await criteria.of(session, lead.sector_id)
    messages = await _messages(lead.conversation_id) if lead.conversation_id else []
    material = assessments.material(lead, lead.conversation_id, messages, activities)
    assessment = await assessments.assess(material, lead.id, rules)
    async with db.begin() as session:
        before = await leads.locked(session, actor, request.id)
        after = await settle(session, before, assessment, rules, by=actor.id or None)
        await keep(
            session,
            assessment,
            trigger=request.trigger_source or "manual",
            lead=before,
            conversation=before.conversation_id,
        )
    return _reply(before, after, assessment)


async def noted(session: Session, lead: str) -> list[Row]:
    """What people did lately, oldest first. Our own lines would only tell the model what it said before."""
    return await session.all(ACTIVITIES, lead=lead, ours=[*journal.OURS])


async def settle(session: Session, lead: Row, assessment: Assessment, rules: Row, *, by: str | None) -> Row:
    """Everything that a score does to a lead, which whoever calls has locked."""
    after = await leads.change(session, lead, _consequences(lead, assessment, rules))
    score = assessment.score.lead
    await journal.activity(
        session,
        lead.id,
        "qualification",
        f"Qualificação BANT: {score}/100",
        by=by,
        outcome=assessment.analysis.reasoning or None,
        old=str(lead.lead_score),
        new=str(score),
    )
    if after.status != lead.status:
        await stages.announce(session, after, lead.status, by=None, via="ai", reason=f"BANT {score}/100")
    crossed = lead.lead_score < rules.auto_qualify_threshold <= score
    told = {
        "lead_id": after.id,
        "conversation_id": after.conversation_id,
        "contact_id": after.contact_id,
        "assigned_to": after.assigned_to,
        "lead_score": score,
        "previous_score": lead.lead_score,
        "overall_intent": assessment.intent,
    }
    await emit(session, pb.LeadQualified(**told) if crossed else pb.LeadScored(**told))
    log.info("lead_scored", lead_id=lead.id, score=score, degraded=assessment.analysis.degraded)
    return after


async def keep(
    session: Session,
    assessment: Assessment,
    *,
    trigger: str,
    lead: Row | None,
    conversation: str | None,
    message: str | None = None,
) -> None:
    """The line of the qualification log. `lead` is as it was before."""
    analysis = assessment.analysis
    await session.run(
        LOG,
        id=new_id(),
        lead=lead.id if lead else None,
        conversation=conversation,
        message=message,
        previous=lead.lead_score if lead and lead.last_qualification_at else None,
        score=assessment.score.lead,
        analysis=assessments.document(assessment),
        reasoning=analysis.reasoning or None,
        model=analysis.model or analysis.provider,
        tokens=analysis.tokens_used or None,
        trigger=trigger,
        at=now(),
    )


async def _messages(conversation: str) -> list[BantMessage]:
    """The conversation's words; without them the lead and its activities have to do."""
    try:
        context = await peers.conversation(conversation, messages=MESSAGES)
    except Refusal as refusal:
        log.warning("conversation_not_read", conversation_id=conversation, reason=refusal.name)
        return []
    return [bant.readable(message) for message in context.messages if not message.deleted_at]


def _consequences(lead: Row, assessment: Assessment, rules: Row) -> dict[str, Any]:
    """The columns that change. A score never moves a lead backwards, and never loses one."""
    score, at = assessment.score.lead, now()
    values: dict[str, Any] = {
        "lead_score": score,
        "qualification_data": assessments.opinion(assessment),
        "last_qualification_at": at,
        **{f"bant_{dimension}": finding for dimension, finding in assessment.findings.items()},
    }
    if score >= rules.auto_qualify_threshold and lead.qualified_at is None:
        values |= {"qualified_at": at, "qualified_by": "ai"}
        if lead.status in EARLY:
            values["status"] = "qualified"
    if (assessment.suggested_value or 0) > lead.value:
        values["value"] = assessment.suggested_value
    if lead.probability == 0 and lead.status not in CLOSED:
        values["probability"] = min(100, score + 10)
    return values


def _reply(before: Row, after: Row, assessment: Assessment) -> pb.QualifyLeadResponse:
    analysis, score = assessment.analysis, assessment.score
    return pb.QualifyLeadResponse(
        success=True,
        qualification=pb.Qualification(
            **{f"{dimension}_score": part for dimension, part in score.dimensions.items()},
            overall_score=score.lead / 10,
            lead_score=score.lead,
            previous_score=before.lead_score,
            score_change=score.lead - before.lead_score,
            recommendation=assessment.recommendation,
            reasoning=analysis.reasoning,
            overall_intent=assessment.intent,
            suggested_value=assessment.suggested_value,
            bant=after.bant,
        ),
        lead=fill(pb.Lead, after),
        provider=analysis.provider,
        model=analysis.model or None,
        degraded=analysis.degraded,
    )
