"""Escalations: conversations that need a person, and who sees them."""

from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, literal, or_, select, true

from protos import campaigns_pb2 as pb
from services.campaigns import lists
from services.campaigns.escalation_models import Escalation
from services.kit import pages
from services.kit.actor import Actor
from services.kit.clock import now, parse
from services.kit.db import Row, Session
from services.kit.errors import Conflict, NotFound


class EscalationNotFound(NotFound):
    """Escalation not found"""


class EscalationEnded(Conflict):
    """The escalation has ended already."""

    code = "invalid_state"


ACTIVE = ("pending", "assigned")
PRIORITIES = ("low", "medium", "high", "urgent")
TRANSITIONS = {
    "pending": {"assigned", "resolved", "abandoned", "expired"},
    "assigned": {"assigned", "pending", "resolved", "abandoned"},
}
FIELDS = [field.name for field in pb.Escalation.DESCRIPTOR.fields if field.name != "wait_time_seconds"]
COLUMNS = Escalation.__table__.c
URGENCY: ColumnElement[int] = case(
    {name: -rank for rank, name in enumerate(PRIORITIES)}, value=COLUMNS.priority
)

READ = "select * from escalations where id = %(id)s"
LOCK = "select * from escalations where id = %(id)s for update"
LOCK_ACTIVE = """
    select * from escalations where conversation_id = %(conversation)s and status in ('pending', 'assigned')
    for update
"""


async def list_escalations(
    session: Session, actor: Actor, request: pb.ListEscalationsRequest
) -> pb.ListEscalationsResponse:
    visible = select(*COLUMNS).where(visible_to(actor))
    order: tuple[Any, ...] = (COLUMNS.created_at, COLUMNS.id)
    by_urgency = request.sort == "queue"
    rows, pagination = await lists.read(
        session,
        _filtered(visible, actor, request),
        pages.read(request),
        (URGENCY, *order) if by_urgency else order,
        lambda row: (*([-PRIORITIES.index(row.priority)] if by_urgency else []), row.created_at, row.id),
        descending=request.sort in ("", "-createdAt"),
    )
    return pb.ListEscalationsResponse(
        escalations=[shown(row) for row in rows], pagination=pagination, stats=await _stats(session, actor)
    )


def visible_to(actor: Actor) -> ColumnElement[bool]:
    """An agent sees what is or was theirs, and what waits for anybody."""
    if actor.leads:
        return true()
    waits_for_anybody = and_(COLUMNS.status == "pending", COLUMNS.escalated_to.is_(None))
    return or_(COLUMNS.escalated_to == actor.id, COLUMNS.original_agent_id == actor.id, waits_for_anybody)


async def read(session: Session, id: str) -> Row:
    escalation = await session.first(READ, id=id)
    if escalation is None:
        raise EscalationNotFound
    return escalation


async def locked(session: Session, id: str) -> Row:
    escalation = await session.first(LOCK, id=id)
    if escalation is None:
        raise EscalationNotFound
    return escalation


async def locked_active(session: Session, conversation_id: str) -> Row | None:
    """The escalation that is under way in a conversation; the database allows one."""
    return await session.first(LOCK_ACTIVE, conversation=conversation_id)


def refuse_unless(escalation: Row, status: str) -> None:
    if status not in TRANSITIONS.get(escalation.status, ()):
        raise EscalationEnded(f"The escalation is {escalation.status} already.")


def shown(row: Row) -> pb.Escalation:
    values = {name: getattr(row, name) for name in FIELDS}
    return pb.Escalation(**values, wait_time_seconds=_waited(row))


def _waited(row: Row) -> int:
    end = row.assigned_at or row.resolved_at
    waited = (parse(end) if end else now()) - parse(row.created_at)
    return max(0, int(waited.total_seconds()))


def _filtered(statement: Select[Any], actor: Actor, request: pb.ListEscalationsRequest) -> Select[Any]:
    for name in ("status", "priority", "reason"):
        if wanted := getattr(request, name):
            statement = statement.where(COLUMNS[name].in_(wanted))
    for name in ("conversation_id", "sector_id"):
        if wanted := getattr(request, name):
            statement = statement.where(COLUMNS[name] == wanted)
    if request.escalated_to == "none":
        statement = statement.where(COLUMNS.escalated_to.is_(None))
    elif request.escalated_to:
        assignee = actor.id if request.escalated_to == "me" else request.escalated_to
        statement = statement.where(COLUMNS.escalated_to == assignee)
    return statement


async def _stats(session: Session, actor: Actor) -> pb.EscalationStats:
    """Over what is active and visible."""
    pending = COLUMNS.status == "pending"
    waited = func.extract("epoch", literal(now(), COLUMNS.created_at.type) - COLUMNS.created_at)
    row = await session.first(
        select(
            func.count().filter(pending),
            func.count().filter(COLUMNS.status == "assigned"),
            func.count().filter(COLUMNS.priority.in_(("high", "urgent"))),
            func.avg(waited).filter(pending),
        ).where(COLUMNS.status.in_(ACTIVE), visible_to(actor))
    )
    assert row
    count, assigned, urgent, average = row
    return pb.EscalationStats(
        pending=count, assigned=assigned, high_priority=urgent, avg_wait_time_seconds=int(average or 0)
    )
