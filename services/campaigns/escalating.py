"""Asking for a person: by hand, by the AI agent, or only to see what would happen."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy.dialects.postgresql import insert

from protos import campaigns_pb2 as pb
from protos import intelligence_pb2 as intelligence
from services.campaigns import briefings, distribution, handovers, notifications, people
from services.campaigns.briefings import Assessment, Briefing, assess, canonical
from services.campaigns.escalation_models import Escalation
from services.campaigns.escalations import PRIORITIES, locked_active, read, shown
from services.kit.actor import Actor
from services.kit.clock import now
from services.kit.db import Database, Row, Session
from services.kit.errors import Invalid, NotFound
from services.kit.log import log
from services.kit.outbox import emit
from services.kit.tables import new_id


class ConversationNotFound(NotFound):
    """Conversation not found"""


PREPARED_FOR = "user"
BY_KEY = "select * from escalations where request_key = %(key)s"
RAISE = "update escalations set priority = %(priority)s, updated_at = %(at)s where id = %(id)s returning *"
ATTACH = """
    update escalations set ai_summary = %(summary)s, detected_intent = coalesce(%(intent)s, detected_intent),
        handoff_context = handoff_context || %(context)s::jsonb, updated_at = %(at)s
    where id = %(id)s
"""


@dataclass(frozen=True)
class Opened:
    escalation: Row
    existing: bool


async def create(
    db: Database, actor: Actor, request: pb.CreateEscalationRequest
) -> pb.CreateEscalationResponse:
    assignee = request.escalated_to or None
    if assignee and not await people.eligible_among([assignee]):
        raise Invalid("escalatedTo is not an active user", fields={"escalatedTo": "is not an active user"})
    briefing = await _visible(actor, request.conversation_id)
    given = {
        "reason": canonical(request.reason),
        "escalation_keyword": request.escalation_keyword or None,
        "escalation_type": request.escalation_type or "user",
        "priority": request.priority or "medium",
        "notes": request.notes or None,
    }
    opened = await _open(db, briefing, {**given, "created_by": actor.id or None}, assignee)
    escalation = await _take_over_now(db, opened)
    return pb.CreateEscalationResponse(
        success=True,
        escalation=shown(escalation),
        existing=opened.existing,
        http_status=200 if opened.existing else 201,
    )


async def prepare(
    db: Database, actor: Actor, request: pb.PrepareEscalationRequest
) -> pb.PrepareEscalationResponse:
    """The assessment and the hand-over; nothing is written unless `create`."""
    hint = canonical(request.reason) if request.reason else None
    briefing = await _visible(actor, request.conversation_id, hint, in_depth=True)
    async with db.read() as session:
        active = await session.first(ACTIVE, conversation=request.conversation_id)
    assessment = assess(briefing.facts, active.priority if active else "medium")
    conversation = briefing.context.conversation
    choice = await distribution.preview(
        db, PREPARED_FOR, conversation.sector_id or None, conversation.assigned_to or None
    )
    summary = briefings.summary_of(briefing, assessment)
    context = briefings.context_of(briefing, assessment.priority, assessment.suggested_reason)
    escalation = None
    if request.create:
        given = {**_computed(briefing, assessment), "ai_summary": summary, "handoff_context": context}
        opened = await _open(db, briefing, {**given, "created_by": actor.id or None}, None)
        escalation = await _take_over_now(db, opened)
    return pb.PrepareEscalationResponse(
        success=True,
        should_escalate=assessment.should_escalate,
        reasons=assessment.reasons,
        conversation=pb.AssessedConversation(
            id=request.conversation_id,
            sentiment=briefing.facts.sentiment,
            minutes_since_last_message=briefing.facts.minutes_unanswered,
        ),
        suggested_reason=assessment.suggested_reason,
        suggested_priority=assessment.priority,
        suggested_assignee=pb.SuggestedAssignee(user_id=choice.assigned_to, method=choice.method),
        ai_summary=summary,
        handoff_context=context,
        active_escalation_id=escalation.id if escalation else active.id if active else None,
        escalation=shown(escalation) if escalation else None,
    )


ACTIVE = """
    select id, priority from escalations
    where conversation_id = %(conversation)s and status in ('pending', 'assigned')
"""


async def request(db: Database, event: intelligence.EscalationRequested) -> None:
    """The AI agent gives up: once for each message that made it."""
    async with db.read() as session:
        if await session.first(BY_KEY, key=event.message_id):
            return
    try:
        briefing = await briefings.gather(event.conversation_id, event.reason, message_id=event.message_id)
    except NotFound:
        log.warning("escalation_of_nothing", conversation_id=event.conversation_id)
        return
    reason = canonical(event.reason)
    priority = event.priority if event.priority in PRIORITIES else assess(briefing.facts).priority
    given = {
        "reason": reason,
        "escalation_keyword": event.keyword or None,
        "priority": priority,
        "handoff_context": briefings.context_of(briefing, priority, reason),
        "request_key": event.message_id or None,
        "id": event.escalation_id or new_id(),
    }
    await _open(db, briefing, given, None)


async def take_over(db: Database, event: pb.EscalationCreated) -> None:
    """A person answers from now on, and somebody is found who does."""
    await _take_over(db, event.escalation_id)


async def attach_handoff(session: Session, event: intelligence.HandoffPrepared) -> None:
    await session.run(
        ATTACH,
        id=event.escalation_id,
        summary=event.ai_summary,
        intent=event.detected_intent or None,
        context=event.context or "{}",
        at=now(),
    )


async def _visible(
    actor: Actor, conversation_id: str, reason: str | None = None, *, in_depth: bool = False
) -> Briefing:
    """The conversation, if the caller may see it: an agent sees hers and those of nobody."""
    try:
        briefing = await briefings.gather(conversation_id, reason, in_depth=in_depth)
    except NotFound as error:
        raise ConversationNotFound from error
    assignee = briefing.context.conversation.assigned_to
    if not actor.leads and assignee and assignee != actor.id:
        raise ConversationNotFound
    return briefing


async def _open(db: Database, briefing: Briefing, given: dict[str, Any], assignee: str | None) -> Opened:
    """The conversation's active escalation: a new one, or the one that is there, raised to this priority."""
    values = {**_snapshot(briefing), "id": new_id(), **given}
    statement = insert(Escalation).values(values).on_conflict_do_nothing()
    async with db.begin() as session:
        created = await session.first(statement.returning(*Escalation.__table__.columns))
        if created is not None:
            return Opened(await _announce(session, created, assignee), existing=False)
        existing = await locked_active(session, values["conversation_id"])
        if existing is not None:
            return Opened(await raise_to(session, existing, values["priority"]), existing=True)
        answered = await session.first(BY_KEY, key=values.get("request_key"))
    if answered is not None:
        return Opened(answered, existing=True)
    return await _open(db, briefing, given, assignee)  # it ended in this instant


async def _announce(session: Session, escalation: Row, assignee: str | None) -> Row:
    await emit(
        session,
        pb.EscalationCreated(
            conversation_id=escalation.conversation_id,
            escalation_id=escalation.id,
            reason=escalation.reason,
            priority=escalation.priority,
            status="assigned" if assignee else "pending",
            escalated_to=assignee,
            original_agent_id=escalation.original_agent_id,
            keyword=escalation.escalation_keyword,
        ),
    )
    log.info("escalation_created", escalation_id=escalation.id, reason=escalation.reason)
    if assignee is None:
        return escalation
    return await distribution.assign(session, escalation, assignee, "manual", "new_escalation")


async def raise_to(session: Session, escalation: Row, priority: str) -> Row:
    """At least as urgent as this."""
    if PRIORITIES.index(priority) <= PRIORITIES.index(escalation.priority):
        return escalation
    raised = await session.first(RAISE, id=escalation.id, priority=priority, at=now())
    assert raised
    await announce_priority(session, escalation, priority)
    return raised


async def announce_priority(session: Session, before: Row, priority: str) -> None:
    """`before` is the escalation as it was."""
    told = await notifications.followers(session, before.id)
    await notifications.tell_of_escalation(
        session, told, "priority_change", before.id, {"priority": priority}
    )
    await emit(
        session,
        pb.EscalationPriorityChanged(
            conversation_id=before.conversation_id,
            escalation_id=before.id,
            old_priority=before.priority,
            priority=priority,
        ),
    )


async def _take_over_now(db: Database, opened: Opened) -> Row:
    """Before we answer, if the others are there; otherwise when the event comes."""
    if not opened.existing:
        await handovers.soon(_take_over(db, opened.escalation.id))
        await handovers.soon(handovers.give_conversation(db, opened.escalation.id))
    async with db.read() as session:
        return await read(session, opened.escalation.id)


async def _take_over(db: Database, id: str) -> None:
    await handovers.silence_ai(db, id)
    async with db.read() as session:
        escalation = await read(session, id)
    if escalation.status == "pending":
        await distribution.automatically(db, id)


def _computed(briefing: Briefing, assessment: Assessment) -> dict[str, Any]:
    return {
        "reason": assessment.suggested_reason or "manual",
        "escalation_keyword": briefing.facts.keyword,
        "priority": assessment.priority,
        "detected_intent": (briefing.handoff.detected_intent or None) if briefing.handoff else None,
    }


def _snapshot(briefing: Briefing) -> dict[str, Any]:
    """The conversation as it is now."""
    conversation = briefing.context.conversation
    return {
        "conversation_id": conversation.id,
        "contact_id": conversation.contact_id or None,
        "instance_id": conversation.instance_id or None,
        "sector_id": conversation.sector_id or None,
        "original_agent_id": conversation.assigned_to or None,
        "customer_sentiment": conversation.current_sentiment or None,
        "lead_score": briefing.lead.lead_score if briefing.lead else None,
    }
