"""How escalations change hands and end, by people and by what happens to the conversation."""

from sqlalchemy import select

from protos import campaigns_pb2 as pb
from protos import identity_pb2
from protos import messaging_pb2 as messaging
from services.campaigns import distribution, handovers, peers
from services.campaigns.escalations import (
    COLUMNS,
    EscalationNotFound,
    locked,
    locked_active,
    read,
    refuse_unless,
    shown,
    visible_to,
)
from services.kit.actor import Actor
from services.kit.clock import now
from services.kit.db import Database, Row, Session
from services.kit.errors import Forbidden, NotFound
from services.kit.log import log
from services.kit.outbox import emit


class NotYours(Forbidden):
    """Only the assignee or a supervisor resolves an escalation."""


RESOLVE = """
    update escalations set status = 'resolved', resolved_at = %(at)s, resolved_by = %(by)s,
        resolution_notes = %(notes)s, updated_at = %(at)s
    where id = %(id)s
"""
ABANDON = """
    update escalations set status = 'abandoned', resolved_at = %(at)s, updated_at = %(at)s
    where id = %(id)s
"""
RELEASE = """
    update escalations set status = 'pending', escalated_to = null, assigned_at = null, handed_over_at = null,
        assignment_method = null, updated_at = %(at)s
    where escalated_to = %(user)s and status = 'assigned' returning id, conversation_id
"""


async def resolve(db: Database, actor: Actor, request: pb.ResolveEscalationRequest) -> pb.EscalationResponse:
    async with db.begin() as session:
        visible = select(COLUMNS.id).where(COLUMNS.id == request.id, visible_to(actor))
        if await session.first(visible) is None:
            raise EscalationNotFound
        escalation = await locked(session, request.id)
        if not actor.leads and escalation.escalated_to != actor.id:
            raise NotYours
        refuse_unless(escalation, "resolved")
        by, notes = actor.id or None, request.notes or None
        await session.run(RESOLVE, id=request.id, at=now(), by=by, notes=notes)
        escalation = await read(session, request.id)
        await emit(
            session,
            pb.EscalationResolved(
                conversation_id=escalation.conversation_id,
                escalation_id=escalation.id,
                resolved_by=escalation.resolved_by,
                returned_to_ai=request.return_to_ai,
            ),
        )
    if request.return_to_ai:
        await handovers.soon(handovers.return_to_ai(db, request.id))
    return pb.EscalationResponse(success=True, escalation=shown(escalation))


async def claim_assigned(session: Session, event: messaging.ConversationAssigned) -> None:
    """Whoever takes the conversation takes its pending escalation."""
    if event.assigned_to:
        await _claim(session, event.conversation_id, event.assigned_to)


async def claim_answered(session: Session, event: messaging.MessageSent) -> None:
    """Whoever answers the customer takes the conversation's pending escalation."""
    if event.origin == "human" and event.sent_by:
        await _claim(session, event.conversation_id, event.sent_by)


async def abandon_returned(db: Database, event: messaging.ConversationModeChanged) -> None:
    """Back to the AI agent: nobody is waited for any more."""
    if event.mode == "ai":
        await _abandon(db, event.conversation_id, "returned_to_ai")


async def abandon_closed(db: Database, event: messaging.ConversationClosed) -> None:
    await _abandon(db, event.conversation_id, "conversation_closed")


async def abandon(session: Session, escalation: Row, reason: str) -> None:
    """Nobody is waited for any more; the caller holds the row."""
    await session.run(ABANDON, id=escalation.id, at=now())
    abandoned = pb.EscalationAbandoned(
        conversation_id=escalation.conversation_id, escalation_id=escalation.id, reason=reason
    )
    await emit(session, abandoned)
    log.info("escalation_abandoned", escalation_id=escalation.id, reason=reason)


async def release(session: Session, event: identity_pb2.UserDeactivated) -> None:
    """What somebody leaves behind is given to others."""
    released = await session.all(RELEASE, user=event.user_id, at=now())
    await emit(
        session,
        *(pb.DistributionDue(conversation_id=row.conversation_id, escalation_id=row.id) for row in released),
    )


async def _claim(session: Session, conversation_id: str, user_id: str) -> None:
    escalation = await locked_active(session, conversation_id)
    if escalation is not None and escalation.status == "pending":
        await distribution.assign(session, escalation, user_id, "manual", told_as=None)


async def _abandon(db: Database, conversation_id: str, reason: str) -> None:
    """The event may be an old one: what the conversation is now decides."""
    async with db.read() as session:
        active = await session.first(ACTIVE, conversation=conversation_id)
    if active is None or not await _is_over(conversation_id, reason, silenced=bool(active.taken_over_at)):
        return
    async with db.begin() as session:
        escalation = await locked_active(session, conversation_id)
        if escalation is None or escalation.id != active.id:
            return
        await abandon(session, escalation, reason)


ACTIVE = """
    select id, taken_over_at from escalations
    where conversation_id = %(conversation)s and status in ('pending', 'assigned')
"""


async def _is_over(conversation_id: str, reason: str, *, silenced: bool) -> bool:
    """While we have not silenced the AI agent yet, finding it on says nothing."""
    request = messaging.GetContextRequest(conversation_id=conversation_id)
    try:
        conversation = (await peers.messaging.GetContext(request)).conversation
    except NotFound:
        return True
    if reason == "conversation_closed":
        return conversation.status in ("closed", "archived")
    return silenced and conversation.conversation_mode == "ai"
