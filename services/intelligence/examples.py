"""Good answers that the AI agent learns from."""

from datetime import timedelta
from typing import Any

from sqlalchemy import bindparam, delete, func, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from protos import intelligence_pb2 as pb
from services.intelligence import templates, threads
from services.intelligence.learning_models import Example
from services.kit import pages
from services.kit.actor import Actor
from services.kit.clock import now
from services.kit.db import Database, Row, Session
from services.kit.errors import NotFound
from services.kit.outbox import emit
from services.kit.pb import columns, fill


class ExampleNotFound(NotFound):
    """Example not found"""


USED = 3
GOOD = 0.7
SHOWN = columns(pb.Example, Example)
FIELDS = (
    "input_context",
    "ideal_response",
    "scenario_type",
    "tags",
    "quality_score",
    "notes",
    "is_active",
)
NEEDED = {*FIELDS} - {"tags", "notes"}
LOCKED = select(Example.input_context, Example.ideal_response).where(Example.id == bindparam("id"))
OF_MESSAGE = select(*SHOWN).where(
    Example.message_id == bindparam("message"), Example.scenario_type == "manual"
)
ORDER = (Example.created_at, Example.id)
SIMILAR = """
    select id, input_context, ideal_response from learning_examples
    where is_active and quality_score >= %(least)s and (sector_id is null or sector_id = %(sector)s::uuid)
      and search_vector @@ to_tsquery('portuguese', %(any)s)
    order by scenario_type = 'correction' desc,
        ts_rank_cd(search_vector, to_tsquery('portuguese', %(any)s), 32) desc, id limit %(limit)s
"""
COUNT = "update learning_examples set times_referenced = times_referenced + 1 where id = any(%(ids)s::uuid[])"
TIDY = """
    update learning_examples set is_active = false
    where is_active and quality_score < 0.3 and created_at < %(before)s
"""
TOTALS = """
    select
        (select count(*) from response_templates where is_active and
            (%(sector)s::uuid is null or sector_id is null or sector_id = %(sector)s::uuid))::int templates,
        (select count(*) from learning_examples where is_active and
            (%(sector)s::uuid is null or sector_id is null or sector_id = %(sector)s::uuid))::int examples
"""


async def list_examples(
    session: Session, actor: Actor, request: pb.ListExamplesRequest
) -> pb.ListExamplesResponse:
    page = pages.read(request)
    where: list[Any] = []
    if not (request.include_inactive and actor.leads):
        where.append(Example.is_active.is_(True))
    if request.HasField("sector_id"):
        where.append(or_(Example.sector_id.is_(None), Example.sector_id == request.sector_id))
    if request.HasField("scenario_type"):
        where.append(Example.scenario_type == request.scenario_type)
    listing = select(*SHOWN).where(*where).order_by(*(column.desc() for column in ORDER))
    if page.after:
        listing = listing.where(tuple_(*ORDER) < pages.place(page, *ORDER))
    rows = await session.all(listing.limit(page.fetch).offset(page.offset))
    total = await session.scalar(select(func.count(Example.id)).where(*where)) if page.wants_total else None
    shown, pagination = pages.cut(page, rows, lambda row: (row.created_at, row.id), total)
    return pb.ListExamplesResponse(examples=[fill(pb.Example, row) for row in shown], pagination=pagination)


async def create(session: Session, actor: Actor, request: pb.CreateExampleRequest) -> pb.ExampleResponse:
    example = await add(
        session,
        input_context=request.input_context,
        ideal_response=request.ideal_response,
        scenario_type=request.scenario_type or "support",
        tags=[*request.tags],
        quality_score=request.quality_score if request.HasField("quality_score") else 1.0,
        notes=request.notes or None,
        sector_id=request.sector_id if request.HasField("sector_id") else None,
    )
    assert example is not None
    return pb.ExampleResponse(success=True, example=example)


async def add(session: Session, **values: Any) -> pb.Example | None:
    """The new example; None where this message has given one before."""
    norm = _norm(values["input_context"], values["ideal_response"])
    new = insert(Example).values(**values, input_norm=norm).on_conflict_do_nothing().returning(*SHOWN)
    row = await session.first(new)
    if row is None:
        return None
    await emit(session, pb.ExampleLearned(example_id=row.id, scenario_type=row.scenario_type))
    return fill(pb.Example, row)


async def of_message(session: Session, message: str) -> pb.Example:
    """The example that a person made of this message."""
    row = await session.first(OF_MESSAGE, message=message)
    return fill(pb.Example, row)


async def change(session: Session, actor: Actor, request: pb.UpdateExampleRequest) -> pb.ExampleResponse:
    before = await session.first(LOCKED.with_for_update(), id=request.id)
    if before is None:
        raise ExampleNotFound
    values = templates.given(request, FIELDS, NEEDED, {})
    texts = before._asdict() | values
    values["input_norm"] = _norm(texts["input_context"], texts["ideal_response"])
    row = await session.first(
        update(Example).where(Example.id == request.id).values(**values).returning(*SHOWN)
    )
    return pb.ExampleResponse(success=True, example=fill(pb.Example, row))


async def remove(session: Session, actor: Actor, request: pb.DeleteExampleRequest) -> pb.DoneResponse:
    if not await session.run(delete(Example).where(Example.id == bindparam("id")), id=request.id):
        raise ExampleNotFound
    return pb.DoneResponse(success=True)


async def similar(db: Database, question: str, sector: str | None) -> list[Row]:
    """Good answers to questions like this one; corrections first."""
    terms = [word for word in threads.fold(question).split() if len(word) > 2]
    if not terms:
        return []
    async with db.read() as session:
        return await session.all(SIMILAR, least=GOOD, sector=sector, any=" | ".join(terms[:50]), limit=USED)


async def count(session: Session, ids: list[str]) -> None:
    if ids:
        await session.run(COUNT, ids=ids)


async def totals(
    session: Session, actor: Actor, request: pb.CountLearningRequest
) -> pb.CountLearningResponse:
    sector = request.sector_id if request.HasField("sector_id") else None
    return fill(pb.CountLearningResponse, await session.first(TOTALS, sector=sector))


async def tidy(db: Database) -> None:
    """Poor examples that had two months to prove themselves go out of use."""
    async with db.begin() as session:
        await session.run(TIDY, before=now() - timedelta(days=60))


def _norm(question: str, answer: str) -> str:
    return threads.fold(f"{question} {answer}")
