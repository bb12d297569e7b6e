"""Leads: opened, read and deleted. An agent's leads are the ones assigned to that agent."""

from typing import Any, cast

from sqlalchemy import ARRAY, ColumnElement, Table, Text, func, literal, literal_column, select, update
from sqlalchemy.dialects.postgresql import insert

from protos import sales_pb2 as pb
from services.kit.actor import Actor
from services.kit.clock import now
from services.kit.db import Database, Row, Session
from services.kit.errors import Conflict, Forbidden, NotFound
from services.kit.outbox import emit
from services.kit.pb import columns, fill
from services.sales import drafts, journal, words
from services.sales.models import IS_OPEN, Lead


class LeadNotFound(NotFound):
    """Lead not found"""


class LeadExists(Conflict):
    """This conversation already has an open lead."""


TABLE = cast(Table, Lead.__table__)
SHOWN: tuple[Any, ...] = (
    *columns(pb.Lead, Lead),
    literal_column("lead_score / 10.0").label("qualification_score"),
    literal_column(
        "case when lead_score > 70 then 'qualified' when lead_score > 50 then 'hot'"
        " when lead_score > 30 then 'warm' else 'cold' end"
    ).label("score_level"),
    literal_column(
        "jsonb_build_object('budget', bant_budget, 'authority', bant_authority,"
        " 'need', bant_need, 'timeline', bant_timeline)"
    ).label("bant"),
)
SEARCHED = ("name", "company", "phone", "email")

ACTIVITIES = """
    select id, lead_id, activity_type as type, activity_type, description, outcome, scheduled_for,
        completed_at, user_id as performed_by, old_value, new_value, metadata, created_at
    from lead_activities where lead_id = %(id)s order by created_at desc, id desc limit 100
"""
HISTORY = """
    select id, lead_id, old_status, new_status, changed_by, reason, created_at
    from lead_status_history where lead_id = %(id)s order by created_at desc, id desc limit 200
"""
LOGS = """
    select id, lead_id, conversation_id, previous_score, new_score, score_change, bant_analysis, ai_reasoning,
        model_used, tokens_used, trigger_source, created_at
    from lead_qualification_logs where lead_id = %(id)s order by created_at desc, id desc limit 20
"""


async def create(db: Database, actor: Actor, request: pb.CreateLeadRequest) -> pb.LeadResponse:
    values = await drafts.complete(actor, request)
    async with db.begin() as session:
        lead = await add(session, values, by=actor.id or None)
        if lead is None:
            raise await _taken(session, actor, values["conversation_id"])
    return pb.LeadResponse(success=True, lead=fill(pb.Lead, lead))


async def add(session: Session, values: dict[str, Any], *, by: str | None) -> Row | None:
    """A new lead with the first line of its history; None where the conversation has an open one already."""
    at = now()
    adding = (
        insert(TABLE)
        .values(**values, **indexed(values), created_by=by, created_at=at, updated_at=at)
        .on_conflict_do_nothing(index_elements=["conversation_id"], index_where=IS_OPEN)
        .returning(*SHOWN)
    )
    lead = await session.first(adding)
    if lead is None:
        return None
    await journal.status(session, lead.id, None, lead.status, by=by)
    await journal.activity(session, lead.id, "created", "Lead criado", by=by)
    created = pb.LeadCreated(
        lead_id=lead.id,
        conversation_id=lead.conversation_id,
        contact_id=lead.contact_id,
        assigned_to=lead.assigned_to,
        status=lead.status,
        source=lead.source,
        created_by=by,
    )
    await emit(session, created)
    return lead


async def get(session: Session, actor: Actor, request: pb.GetLeadRequest) -> pb.GetLeadResponse:
    lead = await one(session, actor, request.id)
    return pb.GetLeadResponse(
        lead=fill(pb.Lead, lead),
        activities=[fill(pb.Activity, row) for row in await session.all(ACTIVITIES, id=lead.id)],
        history=[fill(pb.StatusChange, row) for row in await session.all(HISTORY, id=lead.id)],
        qualification_logs=[fill(pb.QualificationLog, row) for row in await session.all(LOGS, id=lead.id)],
    )


async def delete(session: Session, actor: Actor, request: pb.DeleteLeadRequest) -> pb.DeleteLeadResponse:
    if not actor.leads:
        raise Forbidden
    lead = await session.first(
        "delete from leads where id = %(id)s returning conversation_id, contact_id, assigned_to",
        id=request.id,
    )
    if lead is None:
        raise LeadNotFound
    await emit(session, fill(pb.LeadDeleted, lead, lead_id=request.id))
    return pb.DeleteLeadResponse(success=True)


def visible(actor: Actor) -> list[ColumnElement[bool]]:
    return [] if actor.leads else [Lead.assigned_to == actor.id]


async def one(session: Session, actor: Actor, id: str) -> Row:
    lead = await session.first(select(*SHOWN).where(Lead.id == id, *visible(actor)))
    if lead is None:
        raise LeadNotFound
    return lead


async def locked(session: Session, actor: Actor, id: str) -> Row:
    lead = await session.first(select(*SHOWN).where(Lead.id == id, *visible(actor)).with_for_update())
    if lead is None:
        raise LeadNotFound
    return lead


async def change(session: Session, lead: Row, values: dict[str, Any]) -> Row:
    """The lead as it is after the change; whoever calls has it locked."""
    if not values.keys().isdisjoint(SEARCHED):
        values = values | indexed({**lead._asdict(), **values})
    changing = update(TABLE).values(**values, version=Lead.version + 1).where(Lead.id == lead.id)
    return await session.first(changing.returning(*SHOWN))


def indexed(values: dict[str, Any]) -> dict[str, Any]:
    """What search and sorting use."""
    endings = words.endings(*(values.get(name) for name in SEARCHED))
    return {
        "name_key": words.sort_key(values["name"]),
        "words": func.array_to_tsvector(literal(endings, ARRAY(Text))),
    }


async def _taken(session: Session, actor: Actor, conversation: str) -> LeadExists:
    """The refusal, naming the lead that is in the way to those who may see it."""
    rival = select(Lead.id).where(Lead.conversation_id == conversation, IS_OPEN, *visible(actor))
    id = await session.scalar(rival)
    return LeadExists(details={"leadId": id} if id else None)
