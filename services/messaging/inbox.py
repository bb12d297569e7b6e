"""The inbox: conversations that the caller may see, by any filters together, a page at a time."""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    and_,
    bindparam,
    false,
    func,
    literal_column,
    or_,
    select,
    true,
    tuple_,
    union_all,
)

from protos import messaging_pb2 as pb
from services.kit import pages
from services.kit.actor import Actor
from services.kit.db import Row, Session
from services.kit.errors import Invalid
from services.kit.pages import NotOurCursor, Page
from services.messaging import search
from services.messaging.conversations import HEADER, shown
from services.messaging.inbox_models import Tally
from services.messaging.models import Conversation
from services.messaging.threads import is_ours

NEVER = "-infinity"
MOST_COUNTED = 10_000
ORDER = (Conversation.recency, Conversation.id)
FILTERS = {
    "status": "status",
    "instance_id": "instance_id",
    "mode": "conversation_mode",
    "category": "category",
}
FLAGS = ("unread", "waiting")

# Each sort is a list of parts, shown one after the other: a condition, and whether its newest come first.
EVERYTHING = true()
UNREAD, READ = Conversation.unread_count > 0, Conversation.unread_count == 0
WAITING, ANSWERED = and_(Conversation.is_waiting), Conversation.is_waiting.is_(False)
SORTS: dict[str, list[tuple[ColumnElement[bool], bool]]] = {
    "recent": [(EVERYTHING, True)],
    "oldest": [(EVERYTHING, False)],
    "unread": [(UNREAD, True), (READ, True)],
    "waiting": [(WAITING, False), (ANSWERED, True)],
}


@dataclass(frozen=True)
class Shape:
    """What a statement of the inbox depends on, apart from values: whoever asks alike shares it."""

    scopes: tuple[str, ...]
    filters: tuple[str, ...]


async def list_conversations(
    session: Session, actor: Actor, request: pb.ListConversationsRequest
) -> pb.ListConversationsResponse:
    """Counts hold for the same filters, whatever page is shown."""
    page = pages.read(request)
    found = None
    if request.search.strip():
        found = await search.condition(session, actor, request.search, in_messages=request.search_messages)
    shape, values = _shape(actor, request)
    rows = await _rows(session, shape, values, request.sort or "recent", found, page)
    wants = page.wants_total or "counts" in request.include
    counts = await _counts(session, shape, values, found) if wants else None
    cut, pagination = pages.cut(
        page,
        [row for _, row in rows],
        _key_of(rows),
        counts.total if counts and page.wants_total else None,
    )
    reply = pb.ListConversationsResponse(conversations=map(shown, cut), pagination=pagination)
    if counts and "counts" in request.include:
        reply.total_count, reply.unread_count, reply.waiting_count = (
            counts.total,
            counts.unread,
            counts.waiting,
        )
    return reply


def _shape(actor: Actor, request: pb.ListConversationsRequest) -> tuple[Shape, dict[str, Any]]:
    """What is asked for, and what of it the caller may see."""
    wanted = {name: getattr(request, name) for name in FILTERS}
    values = {name: value for name, value in wanted.items() if value and (name, value) != ("status", "all")}
    filters = (*values, *(name for name in FLAGS if getattr(request, name)))
    values["viewer"] = actor.id or None
    asked = "unassigned" if request.unassigned else request.assigned_to
    match asked:
        case "":
            scopes: tuple[str, ...] = ("all",) if actor.leads else ("mine", "nobodys")
        case "unassigned" | "null":
            scopes = ("nobodys",)
        case "me":
            scopes = ("mine",)
        case other if not is_ours(other):
            raise Invalid(fields={"assignedTo": "is neither an id nor me nor unassigned"})
        case other if actor.leads or other == actor.id:
            scopes, values["viewer"] = ("mine",), other
        case _:
            scopes = ("none",)
    return Shape(scopes, filters), values


def _conditions(table: type[Conversation] | type[Tally], shape: Shape) -> list[ColumnElement[bool]]:
    flags = {
        "unread": and_(Tally.is_unread) if table is Tally else UNREAD,
        "waiting": and_(table.is_waiting),
    }
    return [
        flags[name] if name in flags else getattr(table, FILTERS[name]) == bindparam(name)
        for name in shape.filters
    ]


def _scopes(table: type[Conversation] | type[Tally], shape: Shape) -> list[ColumnElement[bool]]:
    conditions = {
        "all": true(),
        "mine": table.assigned_to == bindparam("viewer"),
        "nobodys": table.assigned_to.is_(None),
        "none": false(),
    }
    return [conditions[name] for name in shape.scopes]


def _key_of(rows: list[tuple[int, Row]]) -> Any:
    parts = {row.id: part for part, row in rows}
    return lambda row: (parts[row.id], row.last_message_at or NEVER, row.id)


async def _rows(
    session: Session,
    shape: Shape,
    values: dict[str, Any],
    sort: str,
    found: ColumnElement[bool] | None,
    page: Page,
) -> list[tuple[int, Row]]:
    """Each with the part of the sort that it belongs to."""
    first, *place = page.after or (0,)
    if first not in range(len(SORTS[sort])) or (page.after and not place):
        raise NotOurCursor
    rest = replace(page, after=tuple(place))
    rows: list[tuple[int, Row]] = []
    skip = page.offset
    for part, (_, newest_first) in enumerate(SORTS[sort]):
        if part < first:
            continue
        more = [] if found is None else [found]
        if part == first and place:
            more.append(_after(rest, newest_first=newest_first))
        wanted = page.fetch + skip - len(rows)
        statement = (_walk if more else _first)(shape, sort, part, wanted, *more)
        rows += [(part, row) for row in await session.all(statement, **values)]
        if len(rows) >= page.fetch + skip:
            break
    return rows[skip:]


def _after(page: Page, *, newest_first: bool) -> ColumnElement[bool]:
    here, place = tuple_(*ORDER), pages.place(page, *ORDER)
    after: ColumnElement[bool] = here < place if newest_first else here > place
    return after


def _walk(shape: Shape, sort: str, part: int, limit: int, *more: ColumnElement[bool]) -> Any:
    """One walk of an index for each scope: `or` between them would read everything.

    The limit stands in the statement: as a parameter it makes PostgreSQL plan anew every time.
    """
    condition, newest_first = SORTS[sort][part]
    conditions = [condition, *_conditions(Conversation, shape), *more]
    order = [column.desc() if newest_first else column for column in ORDER]
    most: Any = literal_column(str(limit))
    scopes = _scopes(Conversation, shape)
    if len(scopes) == 1:
        return HEADER.where(*conditions, *scopes).order_by(*order).limit(most)
    walks = [
        select(Conversation.id).where(*conditions, scope).order_by(*order).limit(most) for scope in scopes
    ]
    ids = union_all(*(walk.subquery().select() for walk in walks))
    return HEADER.where(Conversation.id.in_(ids)).order_by(*order).limit(most)


_first = lru_cache(512)(_walk)


async def _counts(
    session: Session, shape: Shape, values: dict[str, Any], found: ColumnElement[bool] | None
) -> Row:
    """Kept counts where nothing is searched; else counted, up to a bound."""
    row = await session.first(_kept_counts(shape) if found is None else _counted(shape, found), **values)
    assert row is not None
    return row


@lru_cache(512)
def _kept_counts(shape: Shape) -> Any:
    amount = func.coalesce(func.sum(Tally.amount), 0)
    return select(
        amount.label("total"),
        func.coalesce(func.sum(Tally.amount).filter(Tally.is_unread), 0).label("unread"),
        func.coalesce(func.sum(Tally.amount).filter(Tally.is_waiting), 0).label("waiting"),
    ).where(or_(*_scopes(Tally, shape)), *_conditions(Tally, shape))


def _counted(shape: Shape, found: ColumnElement[bool]) -> Any:
    matching = (
        select(Conversation.unread_count, Conversation.is_waiting)
        .where(or_(*_scopes(Conversation, shape)), *_conditions(Conversation, shape), found)
        .order_by(Conversation.recency.desc())
        .limit(MOST_COUNTED)
        .subquery()
    )
    return select(
        func.count().label("total"),
        func.count().filter(matching.c.unread_count > 0).label("unread"),
        func.count().filter(matching.c.is_waiting).label("waiting"),
    ).select_from(matching)
