"""The entries of the knowledge base, as lists show them."""

from typing import Any

from sqlalchemy import ColumnElement, Integer, cast, func, or_, select, tuple_

from protos import knowledge_pb2 as pb
from services.kit import pages
from services.kit.actor import Actor
from services.kit.db import Row, Session
from services.kit.pb import columns, fill
from services.knowledge import words
from services.knowledge.models import Entry

SHOWN = columns(pb.Entry, Entry)
CATEGORIES = """
    select category, count(*)::int as count from knowledge_base where is_active
    group by category order by count desc, category
"""


async def list_entries(
    session: Session, actor: Actor, request: pb.ListEntriesRequest
) -> pb.ListEntriesResponse:
    """Highest priority first, then the most used; with `search`, the most relevant first."""
    page = pages.read(request)
    where = _filters(request, actor)
    order, down = _order(request)
    keys = [column.label(f"key_{number}") for number, column in enumerate(order)]
    listing = select(*SHOWN, *keys).where(*where)
    listing = listing.order_by(*(column.desc() if down else column.asc() for column in order))
    if page.after:
        here, last = tuple_(*order), pages.place(page, *order)
        listing = listing.where(here < last if down else here > last)
    rows = await session.all(listing.limit(page.fetch).offset(page.offset))
    total = await session.scalar(select(func.count(Entry.id)).where(*where)) if page.wants_total else None
    shown, pagination = pages.cut(page, rows, lambda row: tuple(row[-len(keys) :]), total)
    return pb.ListEntriesResponse(
        entries=[entry(row) for row in shown],
        pagination=pagination,
        categories=[fill(pb.CategoryCount, row) for row in await session.all(CATEGORIES)],
    )


def entry(row: Row) -> pb.Entry:
    return pb.Entry(**{column.name: getattr(row, column.name) for column in SHOWN})


def any_of(terms: list[str]) -> ColumnElement[Any]:
    """A full-text query that any of these folded words satisfies."""
    return func.to_tsquery("portuguese", " | ".join(terms))


def _filters(request: pb.ListEntriesRequest, actor: Actor) -> list[ColumnElement[bool]]:
    where: list[ColumnElement[bool]] = []
    if not (request.include_inactive and actor.leads):
        where.append(Entry.is_active.is_(True))
    if request.HasField("category"):
        where.append(Entry.category == request.category)
    if request.HasField("sector_id"):
        where.append(or_(Entry.sector_id.is_(None), Entry.sector_id == request.sector_id))
    if request.HasField("is_verified"):
        where.append(Entry.is_verified == request.is_verified)
    if request.search:
        where.append(_matches(words.fold(request.search), words.terms(request.search)))
    return where


def _matches(folded: str, terms: list[str]) -> ColumnElement[bool]:
    """A word of it, whatever its form, or the very letters, for words that are not finished."""
    return or_(
        Entry.search_vector.op("@@")(any_of(terms)),
        Entry.question_norm.contains(folded or "?", autoescape=True),
        Entry.keywords_norm.contains(folded or "?", autoescape=True),
    )


def _order(request: pb.ListEntriesRequest) -> tuple[list[Any], bool]:
    """The columns that the order rests on, and whether it goes down."""
    asked = request.sort or ("relevance" if request.search else "priority")
    columns: dict[str, list[Any]] = {
        "priority": [Entry.priority, Entry.use_count],
        "useCount": [Entry.use_count],
        "updatedAt": [Entry.updated_at],
    }
    if asked == "relevance" and request.search:
        rank = func.ts_rank_cd(Entry.search_vector, any_of(words.terms(request.search)), 32)
        return [cast(rank * 1_000_000, Integer), Entry.priority, Entry.id], True
    name = asked.removeprefix("-")
    down = asked.startswith("-") or not request.sort or asked == "relevance"
    return [*columns.get(name, columns["priority"]), Entry.id], down
