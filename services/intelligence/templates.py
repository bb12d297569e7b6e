"""Texts that the AI agent may build its answers on."""

from typing import Any

from sqlalchemy import bindparam, delete, func, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from protos import intelligence_pb2 as pb
from services.intelligence import threads
from services.intelligence.learning_models import Template
from services.kit import pages
from services.kit.actor import Actor
from services.kit.clock import now
from services.kit.db import Database, Row, Session
from services.kit.errors import NotFound
from services.kit.pb import columns, fill


class TemplateNotFound(NotFound):
    """Template not found"""


USED = 3
SHOWN = columns(pb.Template, Template)
FIELDS = (
    "name",
    "template_content",
    "description",
    "trigger_patterns",
    "variables",
    "category",
    "intent_match",
    "priority",
    "is_active",
)
EMPTY = {"variables": "{}", "priority": 0}
NEEDED = {"name", "template_content", "is_active"}
ORDER = (Template.priority, Template.id)
CANDIDATES = """
    select id, trigger_patterns, intent_match, template_content from response_templates
    where is_active and (sector_id is null or sector_id = %(sector)s::uuid)
    order by priority desc, id desc limit 500
"""
COUNT = "update response_templates set usage_count = usage_count + 1 where id = any(%(ids)s::uuid[])"
RATE = """
    with judged as (
        select template,
            avg((coalesce(f.rating >= 4, f.feedback_type in ('perfect', 'helpful')))::int) as rate
        from ai_response_feedback f
        join ai_agent_logs l on l.id = f.log_id, unnest(l.template_ids) as template
        group by template
    ), felt as (
        select template,
            avg(case after.sentiment when 'positive' then 1.0 when 'negative' then -1.0 else 0 end) as mood
        from ai_agent_logs l, unnest(l.template_ids) as template, lateral (
            select sentiment from sentiment_history h
            where h.conversation_id = l.conversation_id and h.created_at > l.created_at
            order by h.created_at limit 1
        ) after
        where l.action = 'response_sent' group by template
    )
    update response_templates t set success_rate = j.rate, avg_sentiment_after = f.mood
    from response_templates own
    left join judged j on j.template = own.id left join felt f on f.template = own.id
    where t.id = own.id and (j.rate is not null or f.mood is not null)
"""


async def list_templates(
    session: Session, actor: Actor, request: pb.ListTemplatesRequest
) -> pb.ListTemplatesResponse:
    page = pages.read(request)
    where: list[Any] = []
    if not (request.include_inactive and actor.leads):
        where.append(Template.is_active.is_(True))
    if request.HasField("sector_id"):
        where.append(or_(Template.sector_id.is_(None), Template.sector_id == request.sector_id))
    if request.HasField("category"):
        where.append(Template.category == request.category)
    listing = select(*SHOWN).where(*where).order_by(*(column.desc() for column in ORDER))
    if page.after:
        listing = listing.where(tuple_(*ORDER) < pages.place(page, *ORDER))
    rows = await session.all(listing.limit(page.fetch).offset(page.offset))
    total = await session.scalar(select(func.count(Template.id)).where(*where)) if page.wants_total else None
    shown, pagination = pages.cut(page, rows, lambda row: (row.priority, row.id), total)
    return pb.ListTemplatesResponse(
        templates=[fill(pb.Template, row) for row in shown], pagination=pagination
    )


async def create(session: Session, actor: Actor, request: pb.CreateTemplateRequest) -> pb.TemplateResponse:
    values = {field.name: value for field, value in request.ListFields()}
    for name in ("trigger_patterns", "intent_match"):
        values[name] = [*values.get(name, [])]
    new = insert(Template).values(**values, created_by=actor.id or None)
    row = await session.first(new.returning(*SHOWN))
    return pb.TemplateResponse(success=True, template=fill(pb.Template, row))


async def change(session: Session, actor: Actor, request: pb.UpdateTemplateRequest) -> pb.TemplateResponse:
    values = given(request, FIELDS, NEEDED, EMPTY) | {"updated_at": now()}
    row = await session.first(
        update(Template).where(Template.id == request.id).values(**values).returning(*SHOWN)
    )
    if row is None:
        raise TemplateNotFound
    return pb.TemplateResponse(success=True, template=fill(pb.Template, row))


async def remove(session: Session, actor: Actor, request: pb.DeleteTemplateRequest) -> pb.DoneResponse:
    if not await session.run(delete(Template).where(Template.id == bindparam("id")), id=request.id):
        raise TemplateNotFound
    return pb.DoneResponse(success=True)


def given(request: Any, fields: tuple[str, ...], needed: set[str], empty: dict[str, Any]) -> dict[str, Any]:
    """What the body of a PUT holds; null empties what may be empty."""
    values: dict[str, Any] = {}
    for name in request.update_mask.paths:
        if name not in fields:
            continue
        if request.DESCRIPTOR.fields_by_name[name].is_repeated:
            values[name] = [*getattr(request, name)]
        elif request.HasField(name):
            values[name] = getattr(request, name)
        elif name not in needed:
            values[name] = empty.get(name)
    return values


async def fitting(db: Database, question: str, intent: str | None, sector: str | None) -> list[Row]:
    """Those that the customer's words call for, or the intent does; the most important first."""
    async with db.read() as session:
        candidates = await session.all(CANDIDATES, sector=sector)
    return [
        row
        for row in candidates
        if threads.keyword_in(question, row.trigger_patterns) or (intent and intent in row.intent_match)
    ][:USED]


async def count(session: Session, ids: list[str]) -> None:
    if ids:
        await session.run(COUNT, ids=ids)


async def rate(db: Database) -> None:
    """How good the answers were that were built on each template."""
    async with db.begin() as session:
        await session.run(RATE)
