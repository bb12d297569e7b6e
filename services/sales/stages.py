"""Stages of a lead: what follows from reaching one, and who is told."""

from datetime import datetime
from typing import Any

from protos import sales_pb2 as pb
from services.kit.db import Row, Session
from services.kit.outbox import emit
from services.sales import journal
from services.sales.models import CLOSED

LABELS = {
    "new": "Novo",
    "contacted": "Contatado",
    "qualified": "Qualificado",
    "proposal": "Proposta",
    "negotiation": "Negociação",
    "won": "Ganho",
    "lost": "Perdido",
}


def reached(
    status: str, *, by: str, at: datetime, keeps_probability: bool, was_qualified: bool
) -> dict[str, Any]:
    """The columns that a lead has because it is at this stage now."""
    values: dict[str, Any] = {"status": status, "closed_at": at if status in CLOSED else None}
    if status in CLOSED and not keeps_probability:
        values["probability"] = 100 if status == "won" else 0
    if status == "qualified" and not was_qualified:
        values |= {"qualified_at": at, "qualified_by": by}
    return values


async def announce(
    session: Session, lead: Row, old: str, *, by: str | None, via: str, reason: str | None = None
) -> None:
    """Write down, and tell, that the lead has left its old stage. `via` did it where no person did."""
    await journal.status(session, lead.id, old, lead.status, by=by, reason=reason)
    description = f"Status alterado de {LABELS[old]} para {LABELS[lead.status]}"
    await journal.activity(session, lead.id, "status_change", description, by=by, old=old, new=lead.status)
    moved = pb.LeadStatusChanged(
        lead_id=lead.id,
        old_status=old,
        new_status=lead.status,
        changed_by=by or via,
        conversation_id=lead.conversation_id,
        contact_id=lead.contact_id,
        assigned_to=lead.assigned_to,
    )
    await emit(session, moved)
