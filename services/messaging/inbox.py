"""The inbox: conversations that the caller may see, by any filters together, a page at a time."""

from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, and_, func, select, tuple_, union_all

from protos import messaging_pb2 as pb
from services.kit import pages
from services.kit.actor import Actor
from services.kit.db import Row, Session
from services.kit.errors import Invalid
from services.kit.pages import Page
from services.messaging import search
from services.messaging.conversations import HEADER, shown
from services.messaging.models import Conversation, Tally
from services.messaging.threads import is_ours

NEVER = "-infinity"
MOST_COUNTED = 10_000
SHOWN_COUNTS = ("total", "unread", "waiting")

# Each sort is a list of parts, shown one after the other: a condition, and whether its newest come first.
EVERYTHING = Conversation.id.is_not(None)
UNREAD, READ = Conversation.unread_count > 0, Conversation.unread_count == 0
WAITING, ANSWERED = and_(Conversation.is_waiting), Conversation.is_waiting.is_(False)
SORTS: dict[str, list[tuple[ColumnElement[bool], bool]]] = {
    "recent": [(EVERYTHING, True)],
    "oldest": [(EVERYTHING, False)],
    "unread": [(UNREAD, True), (READ, True)],
    "waiting": [(WAITING, False), (ANSWERED, True)],
}


async def list_conversations(
    session: Session, actor: Actor, request: pb.ListConversationsRequest
) -> pb.ListConversationsResponse:
    """Counts hold for the same filters, whatever page is shown."""
    page = pages.read(request)
    found = None
    if request.search.strip():
        found = await search.condition(session, actor, request.search, in_messages=request.search_messages)
    filters = [] if found is None else [found]
    filters += _filters(Conversation, actor, request)
    rows = await _rows(session, actor, request, filters, page)
    wants = page.wants_total or "counts" in request.include
    counts = await _counts(session, actor, request, filters if found is not None else None) if wants else None
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


def _key_of(rows: list[tuple[int, Row]]) -> Any:
    parts = {row.id: part for part, row in rows}
    return lambda row: (parts[row.id], row.last_message_at or NEVER, row.id)


async def _rows(
    session: Session,
    actor: Actor,
    request: pb.ListConversationsRequest,
    filters: list[ColumnElement[bool]],
    page: Page,
) -> list[tuple[int, Row]]:
    """Each with the part of the sort that it belongs to."""
    first, *place = page.after or (0,)
    rest = replace(page, after=tuple(place))
    found: list[tuple[int, Row]] = []
    skip = page.offset
    for part, (condition, newest_first) in enumerate(SORTS[request.sort or "recent"]):
        if part < first:
            continue
        after = _after(rest, newest_first=newest_first) if part == first and place else EVERYTHING
        wanted = page.fetch + skip - len(found)
        statement = _part(actor, request, [*filters, condition, after], newest_first, wanted)
        found += [(part, row) for row in await session.all(statement)]
        if len(found) >= page.fetch + skip:
            break
    return found[skip:]


def _after(page: Page, *, newest_first: bool) -> ColumnElement[bool]:
    columns = (Conversation.recency, Conversation.id)
    here, place = tuple_(*columns), pages.place(page, *columns)
    after: ColumnElement[bool] = here < place if newest_first else here > place
    return after


def _part(
    actor: Actor,
    request: pb.ListConversationsRequest,
    conditions: list[ColumnElement[bool]],
    newest_first: bool,
    limit: int,
) -> Any:
    """One walk of an index for each scope of the caller: `or` between them would read everything."""
    columns = (Conversation.recency, Conversation.id)
    order = [column.desc() if newest_first else column for column in columns]
    walks = [
        select(Conversation.id).where(and_(*conditions, scope)).order_by(*order).limit(limit)
        for scope in _scopes(Conversation, actor, request)
    ]
    ids = walks[0] if len(walks) == 1 else union_all(*(walk.subquery().select() for walk in walks))
    return HEADER.where(Conversation.id.in_(ids)).order_by(*order).limit(limit)


def _scopes(
    table: type[Conversation] | type[Tally], actor: Actor, request: pb.ListConversationsRequest
) -> list[ColumnElement[bool]]:
    """What the caller may see, narrowed by whose conversations are asked for."""
    mine, nobodys = table.assigned_to == actor.id, table.assigned_to.is_(None)
    asked = "unassigned" if request.unassigned else request.assigned_to
    match asked:
        case "":
            return [table.instance_id.is_not(None)] if actor.leads else [mine, nobodys]
        case "unassigned" | "null":
            return [nobodys]
        case "me":
            return [mine]
        case other if not is_ours(other):
            raise Invalid(fields={"assignedTo": "is neither an id nor me nor unassigned"})
        case other if actor.leads or other == actor.id:
            return [table.assigned_to == other]
        case _:
            return [table.instance_id.is_(None)]


def _filters(
    table: type[Conversation] | type[Tally], actor: Actor, request: pb.ListConversationsRequest
) -> list[ColumnElement[bool]]:
    wanted: list[ColumnElement[bool]] = []
    if request.status and request.status != "all":
        wanted.append(table.status == request.status)
    if request.instance_id:
        wanted.append(table.instance_id == request.instance_id)
    if request.mode:
        wanted.append(table.conversation_mode == request.mode)
    if request.category:
        wanted.append(table.category == request.category)
    if request.unread:
        wanted.append(and_(Tally.is_unread) if table is Tally else UNREAD)
    if request.waiting:
        wanted.append(and_(table.is_waiting))
    return wanted


async def _counts(
    session: Session,
    actor: Actor,
    request: pb.ListConversationsRequest,
    found: list[ColumnElement[bool]] | None,
) -> Row:
    """Kept counts where nothing is searched; else counted, up to a bound."""
    if found is None:
        row = await session.first(_kept_counts(actor, request))
    else:
        row = await session.first(_counted(actor, request, found))
    assert row is not None
    return row


def _kept_counts(actor: Actor, request: pb.ListConversationsRequest) -> Any:
    amount = func.coalesce(func.sum(Tally.amount), 0)
    return select(
        amount.label("total"),
        func.coalesce(func.sum(Tally.amount).filter(Tally.is_unread), 0).label("unread"),
        func.coalesce(func.sum(Tally.amount).filter(Tally.is_waiting), 0).label("waiting"),
    ).where(_any(_scopes(Tally, actor, request)), *_filters(Tally, actor, request))


def _counted(actor: Actor, request: pb.ListConversationsRequest, found: list[ColumnElement[bool]]) -> Any:
    matching = (
        select(Conversation.unread_count, Conversation.is_waiting)
        .where(_any(_scopes(Conversation, actor, request)), *found)
        .order_by(Conversation.recency.desc())
        .limit(MOST_COUNTED)
        .subquery()
    )
    return select(
        func.count().label("total"),
        func.count().filter(matching.c.unread_count > 0).label("unread"),
        func.count().filter(matching.c.is_waiting).label("waiting"),
    ).select_from(matching)


def _any(scopes: list[ColumnElement[bool]]) -> ColumnElement[bool]:
    return scopes[0] if len(scopes) == 1 else scopes[0] | scopes[1]
