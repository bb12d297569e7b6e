"""Leads follow what becomes known about their contact."""

from sqlalchemy import or_, select

from protos.messaging_pb2 import ContactUpdated
from protos.sales_pb2 import LeadUpdated
from services.kit.db import Session
from services.kit.outbox import emit
from services.sales import leads
from services.sales.conversations import UNNAMED
from services.sales.leads import SHOWN
from services.sales.models import IS_OPEN, Lead


async def follow(session: Session, event: ContactUpdated) -> None:
    """Fill in a name or phone that was missing; what a person wrote stays."""
    lacking = or_(Lead.name == UNNAMED, Lead.phone.is_(None))
    found = select(*SHOWN).where(Lead.contact_id == event.contact_id, IS_OPEN, lacking)
    for lead in await session.all(found.order_by(Lead.id).with_for_update()):
        learned = {}
        if lead.name == UNNAMED and event.name.strip():
            learned["name"] = event.name.strip()[:200]
        if lead.phone is None and event.phone_number:
            learned["phone"] = event.phone_number
        if learned:
            await leads.change(session, lead, learned)
            updated = LeadUpdated(
                lead_id=lead.id,
                changed=sorted(learned),
                conversation_id=lead.conversation_id,
                contact_id=lead.contact_id,
                assigned_to=lead.assigned_to,
            )
            await emit(session, updated)
