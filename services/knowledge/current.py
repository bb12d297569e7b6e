"""Entries as they are at this moment: what the event stream shows."""

from sqlalchemy import ARRAY, Uuid, any_, bindparam, select

from protos import knowledge_pb2 as pb
from services.kit.actor import Actor
from services.kit.db import Session
from services.knowledge.entries import SHOWN, entry
from services.knowledge.models import Entry

ENTRIES = select(*SHOWN).where(Entry.id == any_(bindparam("ids", type_=ARRAY(Uuid(as_uuid=False)))))


async def get(session: Session, actor: Actor, request: pb.GetCurrentRequest) -> pb.GetCurrentResponse:
    """What is not there any more is left out."""
    rows = await session.all(ENTRIES, ids=[*request.entry_ids])
    return pb.GetCurrentResponse(entries=map(entry, rows))
