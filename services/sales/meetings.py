"""What happens to a meeting with a lead is part of the lead's story."""

from sqlalchemy import select

from protos.campaigns_pb2 import (
    MeetingCancelled,
    MeetingNoShow,
    MeetingReminderSent,
    MeetingRescheduled,
    MeetingScheduled,
)
from services.kit.db import Row, Session
from services.sales import journal
from services.sales.activities import mark_contacted
from services.sales.leads import SHOWN
from services.sales.models import Lead


async def note_scheduled(session: Session, event: MeetingScheduled) -> None:
    lead = await _lead(session, event.lead_id)
    if lead is None:
        return
    await journal.activity(
        session,
        lead.id,
        "meeting_scheduled",
        f"Reunião agendada: {event.title}",
        by=event.by or None,
        scheduled_for=event.scheduled_at or None,
    )
    await mark_contacted(session, lead, by=event.by or None, via="campaigns")


async def note_rescheduled(session: Session, event: MeetingRescheduled) -> None:
    lead = await _lead(session, event.lead_id)
    if lead is None:
        return
    await journal.activity(
        session,
        lead.id,
        "meeting_rescheduled",
        f"Reunião remarcada: {event.title}",
        by=event.by or None,
        scheduled_for=event.scheduled_at or None,
        old=event.previously_scheduled_at or None,
        new=event.scheduled_at,
    )


async def note_reminded(session: Session, event: MeetingReminderSent) -> None:
    lead = await _lead(session, event.lead_id)
    if lead is None:
        return
    await journal.activity(session, lead.id, "meeting_reminder", f"Lembrete enviado: {event.title}", by=None)


async def note_cancelled(session: Session, event: MeetingCancelled) -> None:
    lead = await _lead(session, event.lead_id)
    if lead is None:
        return
    await journal.activity(
        session,
        lead.id,
        "meeting_cancelled",
        f"Reunião cancelada: {event.title}",
        by=event.by or None,
        outcome=event.reason or None,
    )


async def note_no_show(session: Session, event: MeetingNoShow) -> None:
    lead = await _lead(session, event.lead_id)
    if lead is None:
        return
    description = f"Cliente não compareceu: {event.title}"
    await journal.activity(session, lead.id, "meeting_no_show", description, by=None)


async def _lead(session: Session, id: str) -> Row | None:
    """The lead, locked; None where the meeting has none, or it was deleted meanwhile."""
    return await session.first(select(*SHOWN).where(Lead.id == id).with_for_update()) if id else None
