"""Leads out of conversations: messages are counted, and every so many of them are read for a lead."""

from sqlalchemy import and_, bindparam, or_, select

from protos.intelligence_pb2 import BantMessage
from protos.messaging_pb2 import ConversationContext, MessageReceived
from protos.sales_pb2 import QualificationDue
from services.kit.clock import now
from services.kit.db import Database, Row, Session
from services.kit.errors import NotFound
from services.kit.log import log
from services.kit.outbox import emit
from services.sales import assessments, bant, criteria, leads, peers, qualification
from services.sales.assessments import Assessment
from services.sales.leads import SHOWN
from services.sales.models import IS_OPEN, Lead

UNNAMED = "Lead sem nome"

COUNT = """
    with counted as (
        insert into conversation_qualification_state as state
            (conversation_id, contact_id, messages_since_qualification)
        values (%(conversation)s, %(contact)s, 1)
        on conflict (conversation_id) do update set
            messages_since_qualification = state.messages_since_qualification + 1,
            contact_id = excluded.contact_id
        returning messages_since_qualification as messages, sector_id
    )
    select messages >= messages_before_qualification and qualification_enabled as is_due
    from counted join lead_qualification_criteria as criteria
        on criteria.sector_id = counted.sector_id or criteria.sector_id is null
    order by criteria.sector_id nulls last limit 1
"""
START_AGAIN = """
    update conversation_qualification_state set messages_since_qualification = 0
    where conversation_id = %(conversation)s
"""
LOCK = """
    insert into conversation_qualification_state as state (conversation_id, contact_id, sector_id)
    values (%(conversation)s, %(contact)s, %(sector)s)
    on conflict (conversation_id) do update set sector_id = excluded.sector_id
"""
IS_DONE = "select 1 from lead_qualification_logs where trigger_message_id = %(message)s"
DONE = """
    update conversation_qualification_state set last_qualification_at = %(at)s, last_score = %(score)s
    where conversation_id = %(conversation)s
"""
OPEN_LEAD = (
    select(*SHOWN)
    .where(
        IS_OPEN,
        or_(
            Lead.conversation_id == bindparam("conversation"),
            and_(Lead.conversation_id.is_(None), Lead.contact_id == bindparam("contact")),
        ),
    )
    .order_by(Lead.conversation_id.nulls_last(), Lead.created_at.desc())
    .limit(1)
)  # the conversation's, or one of the same contact that has no conversation yet
OPEN_LEAD_LOCKED = OPEN_LEAD.with_for_update()
LAST_CLOSED = "select max(closed_at) from leads where conversation_id = %(conversation)s"


async def count(session: Session, event: MessageReceived) -> None:
    if event.is_group:
        return
    if not await session.scalar(COUNT, conversation=event.conversation_id, contact=event.contact_id):
        return
    await session.run(START_AGAIN, conversation=event.conversation_id)
    due = QualificationDue(
        conversation_id=event.conversation_id, contact_id=event.contact_id, message_id=event.message_id
    )
    await emit(session, due)


async def qualify(db: Database, event: QualificationDue) -> None:
    """Score the conversation's lead, or make one if it looks like a customer. Once for each message."""
    try:
        context = await peers.conversation(event.conversation_id, messages=qualification.MESSAGES)
    except NotFound:
        log.info("conversation_gone", conversation_id=event.conversation_id)
        return
    sector = context.conversation.sector_id or None
    async with db.read() as session:
        rules = await criteria.of(session, sector)
        lead = await session.first(OPEN_LEAD, conversation=event.conversation_id, contact=event.contact_id)
        activities = await qualification.noted(session, lead.id) if lead else []
        closed_at = await session.scalar(LAST_CLOSED, conversation=event.conversation_id)
    messages = _since(context, None if lead else closed_at)
    material = assessments.material(lead, event.conversation_id, messages, activities)
    assessment = await assessments.assess(material, lead.id if lead else "", rules)
    async with db.begin() as session:
        await session.run(LOCK, conversation=event.conversation_id, contact=event.contact_id, sector=sector)
        if await session.scalar(IS_DONE, message=event.message_id) is None:
            await _record(session, event, context, assessment, rules)


def _since(context: ConversationContext, closed_at: str | None) -> list[BantMessage]:
    """What was said after the last lead was closed: the words of a sale do not make the next one."""
    return [
        bant.readable(message)
        for message in context.messages
        if not message.deleted_at and (closed_at is None or message.timestamp > closed_at)
    ]


async def _record(
    session: Session,
    event: QualificationDue,
    context: ConversationContext,
    assessment: Assessment,
    rules: Row,
) -> None:
    score = assessment.score.lead
    lead = await _lead(session, event)
    if lead is None and rules.auto_create_leads and score >= rules.auto_create_lead_threshold:
        lead = await _create(session, event, context, bant.first_stage(score, rules))
    if lead:
        await qualification.settle(session, lead, assessment, rules, by=None)
    await qualification.keep(
        session,
        assessment,
        trigger="webhook",
        lead=lead,
        conversation=event.conversation_id,
        message=event.message_id,
    )
    await session.run(DONE, conversation=event.conversation_id, score=score, at=now())


async def _lead(session: Session, event: QualificationDue) -> Row | None:
    """The open lead, locked; one that had no conversation has this one from now on."""
    lead = await session.first(OPEN_LEAD_LOCKED, conversation=event.conversation_id, contact=event.contact_id)
    if lead is None or lead.conversation_id:
        return lead
    return await leads.change(session, lead, {"conversation_id": event.conversation_id})


async def _create(
    session: Session, event: QualificationDue, context: ConversationContext, status: str
) -> Row | None:
    """A lead for the conversation; where somebody else was quicker, theirs."""
    conversation, contact = context.conversation, context.contact
    values = {
        "name": contact.name.strip()[:200] or UNNAMED,
        "phone": contact.phone_number or None,
        "contact_id": contact.id,
        "conversation_id": conversation.id,
        "sector_id": conversation.sector_id or None,
        "assigned_to": conversation.assigned_to or None,
        "status": status,
    }
    return await leads.add(session, values, by=None) or await _lead(session, event)
