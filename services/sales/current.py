"""Leads as they are at this moment: what the event stream shows."""

from sqlalchemy import ARRAY, Uuid, any_, bindparam, select

from protos import sales_pb2 as pb
from services.kit.actor import Actor
from services.kit.db import Session
from services.kit.pb import fill
from services.sales.leads import SHOWN
from services.sales.models import Lead

LEADS = select(*SHOWN).where(Lead.id == any_(bindparam("ids", type_=ARRAY(Uuid(as_uuid=False)))))


async def get(session: Session, actor: Actor, request: pb.GetCurrentRequest) -> pb.GetCurrentResponse:
    """What is not there any more is left out."""
    rows = await session.all(LEADS, ids=[*request.lead_ids])
    return pb.GetCurrentResponse(leads=[fill(pb.Lead, row) for row in rows])
