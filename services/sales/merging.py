"""Two conversations turn out to be with one customer: leads follow the one that stays."""

from typing import Any

from sqlalchemy import or_, select

from protos.messaging_pb2 import ConversationMerged
from protos.sales_pb2 import LeadUpdated
from services.kit.db import Row, Session
from services.kit.outbox import emit
from services.sales import journal, leads
from services.sales.leads import SHOWN
from services.sales.models import CLOSED, IS_OPEN, Lead

MOVE_LOGS = "update lead_qualification_logs set conversation_id = %(kept)s where conversation_id = %(gone)s"
ALONE = "Este cliente já tem outro lead aberto na mesma conversa"
FORGET = "delete from conversation_qualification_state where conversation_id = %(gone)s"


async def follow(session: Session, event: ConversationMerged) -> None:
    kept, gone = event.conversation_id, event.gone_conversation_id
    theirs = or_(Lead.contact_id == event.gone_contact_id, Lead.conversation_id == gone)
    moving = await session.all(select(*SHOWN).where(theirs).order_by(Lead.id).with_for_update())
    taken = kept != gone and await _has_open_lead(session, kept)
    for lead in moving:
        await _move(session, lead, event, taken=taken)
    if kept != gone:
        await session.run(MOVE_LOGS, kept=kept, gone=gone)
        await session.run(FORGET, gone=gone)


async def _has_open_lead(session: Session, conversation: str) -> bool:
    return bool(await session.first(select(Lead.id).where(Lead.conversation_id == conversation, IS_OPEN)))


async def _move(session: Session, lead: Row, event: ConversationMerged, *, taken: bool) -> None:
    """Of two open leads the second loses its conversation: which of them counts is for people to say."""
    values: dict[str, Any] = {"contact_id": event.contact_id}
    if lead.conversation_id == event.gone_conversation_id:
        stays_alone = taken and lead.status not in CLOSED
        values["conversation_id"] = None if stays_alone else event.conversation_id
        if stays_alone:
            await journal.activity(session, lead.id, "conversation_merged", ALONE, by=None)
    after = await leads.change(session, lead, values)
    updated = LeadUpdated(
        lead_id=after.id,
        changed=sorted(values),
        conversation_id=after.conversation_id,
        contact_id=after.contact_id,
        assigned_to=after.assigned_to,
    )
    await emit(session, updated)
