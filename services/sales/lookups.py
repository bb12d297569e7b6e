"""What other services ask about leads."""

from sqlalchemy import ARRAY, Uuid, any_, literal, or_, select

from protos import sales_pb2 as pb
from services.kit.actor import Actor
from services.kit.db import Session
from services.kit.errors import Invalid
from services.kit.pb import fill
from services.sales.leads import SHOWN, visible
from services.sales.models import CLOSED, Lead

MOST_CONTACTS = 1000


async def find(session: Session, actor: Actor, request: pb.FindLeadRequest) -> pb.FindLeadResponse:
    """The open lead of a conversation or its contact, or else the newest of those that are closed."""
    asked = [
        column == value
        for column, value in (
            (Lead.id, request.id),
            (Lead.conversation_id, request.conversation_id),
            (Lead.contact_id, request.contact_id),
        )
        if value
    ]
    if not asked:
        raise Invalid("Name a lead, a conversation or a contact.")
    finding = (
        select(*SHOWN)
        .where(or_(*asked), *visible(actor))
        .order_by(
            Lead.status.in_(CLOSED), Lead.conversation_id.is_(None), Lead.created_at.desc(), Lead.id.desc()
        )
        .limit(1)
    )
    lead = await session.first(finding)
    return pb.FindLeadResponse(lead=fill(pb.Lead, lead) if lead else None)


async def list_contacts(
    session: Session, actor: Actor, request: pb.ListLeadContactsRequest
) -> pb.ListLeadContactsResponse:
    """Contacts with a lead that meets every condition, each once."""
    limit = min(request.limit or MOST_CONTACTS, MOST_CONTACTS)
    conditions = [Lead.contact_id.is_not(None), *visible(actor)]
    if request.statuses:
        conditions.append(Lead.status.in_([*request.statuses]))
    if request.sources:
        conditions.append(Lead.source.in_([*request.sources]))
    if request.HasField("min_score"):
        conditions.append(Lead.lead_score >= request.min_score)
    if request.contact_ids:
        these = literal([*request.contact_ids], ARRAY(Uuid(as_uuid=False)))
        conditions.append(Lead.contact_id == any_(these))
    if request.after:
        conditions.append(Lead.contact_id > request.after)
    listing = select(Lead.contact_id).where(*conditions).distinct().order_by(Lead.contact_id).limit(limit + 1)
    contacts = [row.contact_id for row in await session.all(listing)]
    return pb.ListLeadContactsResponse(contact_ids=contacts[:limit], has_more=len(contacts) > limit)
