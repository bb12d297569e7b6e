"""The pipeline: leads in scope, page by page, and what they are worth together."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Date,
    Select,
    Text,
    cast,
    false,
    func,
    literal,
    literal_column,
    select,
    tuple_,
)
from sqlalchemy.dialects.postgresql import TSQUERY

from protos import sales_pb2 as pb
from services.kit import days, pages
from services.kit.actor import Actor
from services.kit.db import Row, Session
from services.kit.pages import Page
from services.kit.pb import fill
from services.sales import words
from services.sales.leads import SHOWN
from services.sales.models import STATUSES, Lead, LeadTotal

Conditions = list[ColumnElement[bool]]


@dataclass(frozen=True)
class Order:
    column: Any
    place: Callable[[Row], str]  # where a row stands in it


ORDERS = {
    "createdAt": Order(Lead.created_at, lambda lead: lead.created_at),
    "updatedAt": Order(Lead.updated_at, lambda lead: lead.updated_at),
    "value": Order(Lead.value, lambda lead: f"{lead.value:.2f}"),
    "leadScore": Order(Lead.lead_score, lambda lead: str(lead.lead_score)),
    "name": Order(Lead.name_key, lambda lead: words.sort_key(lead.name)),
    "expectedCloseDate": Order(
        literal_column("coalesce(expected_close_date, 'infinity')", Date()),
        lambda lead: lead.expected_close_date or "infinity",
    ),
}
KEPT_TOTALS: tuple[Any, ...] = (
    LeadTotal.status,
    func.sum(LeadTotal.leads).label("leads"),
    func.sum(LeadTotal.value).label("value"),
    func.sum(LeadTotal.weighted).label("weighted"),
)
COUNTED_TOTALS: tuple[Any, ...] = (
    Lead.status,
    func.count().label("leads"),
    func.sum(Lead.value).label("value"),
    literal_column(
        "sum(case when status in ('won', 'lost') then 0 else value * probability / 100 end)"
    ).label("weighted"),
)


async def list_leads(session: Session, actor: Actor, request: pb.ListLeadsRequest) -> pb.ListLeadsResponse:
    page = pages.read(request)
    order = ORDERS[request.sort.removeprefix("-") or "createdAt"]
    rows = await session.all(_page(page, order, actor, request))
    totals = await session.all(_totals(actor, request))
    count = sum(int(total.leads) for total in totals) if page.wants_total else None
    shown, pagination = pages.cut(page, rows, lambda lead: (order.place(lead), lead.id), count)
    return pb.ListLeadsResponse(
        leads=[fill(pb.Lead, row) for row in shown], pagination=pagination, summary=summary(totals)
    )


def summary(totals: Sequence[Row]) -> pb.LeadSummary:
    known = {total.status: pb.StatusTotal(count=int(total.leads), value=total.value) for total in totals}
    return pb.LeadSummary(
        total_value=round(sum(total.value for total in totals), 2),
        weighted_value=round(sum(total.weighted for total in totals), 2),
        by_status=pb.StatusTotals(**{status: known.get(status, pb.StatusTotal()) for status in STATUSES}),
    )


def _page(page: Page, order: Order, actor: Actor, request: pb.ListLeadsRequest) -> Select[Any]:
    descends = not request.sort or request.sort.startswith("-")
    conditions = [*_scope(Lead, actor, request), *_closer(request)]
    if page.after is not None:
        here, last = tuple_(order.column, Lead.id), pages.place(page, order.column, Lead.id)
        conditions.append(here < last if descends else here > last)
    ordering = (order.column.desc(), Lead.id.desc()) if descends else (order.column, Lead.id)
    return select(*SHOWN).where(*conditions).order_by(*ordering).limit(page.fetch).offset(page.offset)


def _totals(actor: Actor, request: pb.ListLeadsRequest) -> Select[Any]:
    """Read from the kept totals, unless the filter looks closer than they do."""
    closer = _closer(request)
    if not closer:
        return select(*KEPT_TOTALS).where(*_scope(LeadTotal, actor, request)).group_by(LeadTotal.status)
    return select(*COUNTED_TOTALS).where(*_scope(Lead, actor, request), *closer).group_by(Lead.status)


def _scope(
    table: type[Lead] | type[LeadTotal], actor: Actor, request: pb.ListLeadsRequest
) -> list[ColumnElement[bool]]:
    """What a lead has in common with the totals: whose it is, and of which kind."""
    conditions = [] if actor.leads else [table.assigned_to == actor.id]
    if request.assigned_to:
        owner = actor.id if request.assigned_to == "me" else request.assigned_to
        conditions.append(table.assigned_to == owner)
    if request.status:
        conditions.append(table.status.in_([*request.status]))
    if request.source:
        conditions.append(table.source.in_([*request.source]))
    if request.sector_id:
        conditions.append(table.sector_id == request.sector_id)
    return conditions


def _closer(request: pb.ListLeadsRequest) -> Conditions:
    """What only the leads themselves can tell."""
    conditions: Conditions = []
    if request.contact_id:
        conditions.append(Lead.contact_id == request.contact_id)
    if request.conversation_id:
        conditions.append(Lead.conversation_id == request.conversation_id)
    if request.search:
        query = words.query(request.search)
        conditions.append(Lead.words.op("@@")(cast(literal(query, Text()), TSQUERY)) if query else false())
    if request.date_from:
        conditions.append(Lead.created_at >= days.start(request.date_from, "dateFrom"))
    if request.date_to:
        conditions.append(Lead.created_at < days.end(request.date_to, "dateTo"))
    if request.HasField("min_score"):
        conditions.append(Lead.lead_score >= request.min_score)
    if request.tag:
        conditions.append(Lead.tags.contains([request.tag]))
    return conditions
