"""What people do about a lead."""

from protos import sales_pb2 as pb
from services.kit.actor import Actor
from services.kit.db import Row, Session
from services.kit.outbox import emit
from services.kit.pb import fill
from services.sales import drafts, journal, leads, stages

CONTACTS = ("call", "email", "message", "meeting")


async def add(session: Session, actor: Actor, request: pb.AddActivityRequest) -> pb.AddActivityResponse:
    lead = await leads.locked(session, actor, request.id)
    activity = await journal.activity(
        session,
        lead.id,
        request.type,
        request.description,
        by=actor.id or None,
        outcome=request.outcome or None,
        scheduled_for=request.scheduled_for or None,
        metadata=drafts.json_object(request.metadata),
    )
    if request.type in CONTACTS:
        await mark_contacted(session, lead, by=actor.id or None, via=actor.service)
    added = pb.LeadActivityAdded(
        lead_id=lead.id, activity_id=activity.id, type=request.type, assigned_to=lead.assigned_to
    )
    await emit(session, added)
    return pb.AddActivityResponse(success=True, activity=fill(pb.Activity, activity))


async def mark_contacted(session: Session, lead: Row, *, by: str | None, via: str) -> None:
    """The first contact moves a new lead one stage; nothing that was done moves it further."""
    if lead.status != "new":
        return
    after = await leads.change(session, lead, {"status": "contacted"})
    await stages.announce(session, after, "new", by=by, via=via)
