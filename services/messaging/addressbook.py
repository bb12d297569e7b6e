"""The contacts as people see and keep them: listed, found, corrected, deleted."""

from typing import Any

import orjson
from sqlalchemy import ColumnElement, any_, func, literal, select, true, tuple_, update
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSQUERY
from sqlalchemy.types import Uuid

from protos import messaging_pb2 as pb
from services.kit import pages
from services.kit.actor import Actor
from services.kit.clock import now
from services.kit.db import Row, Session
from services.kit.errors import Invalid, NotFound
from services.kit.outbox import emit
from services.kit.pages import Page
from services.kit.pb import columns, fill
from services.messaging import search
from services.messaging.models import Contact, Conversation
from services.messaging.search import COMMON
from services.messaging.visibility import visible

MOST_COUNTED = 10_000
NEVER = "-infinity"
PLAIN = ("name", "notes", "email")
SHOWN = select(*columns(pb.Contact, Contact))
BY_NAME = (func.lower(Contact.name), Contact.id)
BY_CONVERSATION = (Conversation.recency, Conversation.id)


class ContactNotFound(NotFound):
    """Contact not found"""


async def list_contacts(
    session: Session, actor: Actor, request: pb.ListContactsRequest
) -> pb.ListContactsResponse:
    """Who wrote last comes first, or by name. A total beyond ten thousand is told as ten thousand."""
    page = pages.read(request)
    wanted = await _wanted(session, actor, request)
    statement, key = _ordered(page, request.sort or "last_interaction")
    rows = await session.all(statement.where(*wanted).limit(page.fetch).offset(page.offset))
    total = None
    if page.wants_total:
        some = _joined(Contact.id).where(*wanted).limit(MOST_COUNTED).subquery()
        total = await session.scalar(select(func.count()).select_from(some))
    cut, pagination = pages.cut(page, rows, key, total)
    return pb.ListContactsResponse(contacts=map(_filled, cut), pagination=pagination)


def _joined(*shown: Any) -> Any:
    """Every contact has a conversation: they are made together."""
    return select(*shown).join(Conversation, Conversation.contact_id == Contact.id)


def _ordered(page: Page, sort: str) -> tuple[Any, Any]:
    by_name = sort.startswith("name")
    place = BY_NAME if by_name else BY_CONVERSATION
    shown: Any = (BY_NAME[0] if by_name else Conversation.last_message_at, place[1])
    named = [column.label(f"place_{n}") for n, column in enumerate(shown)]
    ascending = sort == "name_asc"
    statement = _joined(*columns(pb.Contact, Contact), *named)
    statement = statement.order_by(*(column if ascending else column.desc() for column in place))
    if page.after:
        here, there = tuple_(*place), pages.place(page, *place)
        statement = statement.where(here > there if ascending else here < there)
    return statement, lambda row: (row.place_0 or NEVER, row.place_1)


def _filled(row: Row) -> pb.Contact:
    values = row._asdict()
    del values["place_0"], values["place_1"]
    return pb.Contact(**values)


async def _wanted(
    session: Session, actor: Actor, request: pb.ListContactsRequest
) -> list[ColumnElement[bool]]:
    wanted: list[ColumnElement[bool]] = [Contact.deleted_at.is_(None), visible(actor)]
    if request.instance_id:
        wanted += [
            Contact.instance_id == request.instance_id,
            Conversation.instance_id == request.instance_id,
        ]
    if request.search.strip():
        wanted.append(await matching(session, request.search))
    if not actor.leads:
        wanted.append(await _few(session, select(Conversation.contact_id).where(visible(actor)), true()))
    return wanted


async def matching(session: Session, text: str) -> ColumnElement[bool]:
    """In name or number: words that have a piece which begins so."""
    query = search.tsquery(text)
    if query is None:
        return Contact.id.is_(None)
    found = Contact.search.bool_op("@@")(literal(query).cast(TSQUERY))
    ids = select(Contact.id).where(found).cte("found").prefix_with("materialized", dialect="postgresql")
    return await _few(session, select(ids.c.id), found)


async def _few(session: Session, ids: Any, otherwise: ColumnElement[bool]) -> ColumnElement[bool]:
    """Where few fit they are named and sorted; where many do, walking the order finds a page of them soon."""
    rows = await session.all(ids.limit(COMMON + 1))
    if len(rows) > COMMON:
        return otherwise
    return Contact.id == any_(literal(sorted(row[0] for row in rows), ARRAY(Uuid(as_uuid=False))))


async def get(session: Session, actor: Actor, request: pb.GetContactRequest) -> pb.Contact:
    return fill(pb.Contact, await _seen(session, actor, request.id))


async def _seen(session: Session, actor: Actor, id: str, *, for_update: bool = False) -> Row:
    here = select(Conversation.id).where(Conversation.contact_id == Contact.id, visible(actor)).exists()
    statement = SHOWN.where(Contact.id == id, Contact.deleted_at.is_(None))
    statement = statement if actor.leads else statement.where(here)
    row = await session.first(statement.with_for_update() if for_update else statement)
    if row is None:
        raise ContactNotFound
    return row


async def change(session: Session, actor: Actor, request: pb.UpdateContactRequest) -> pb.ContactResponse:
    """What the body names. A name that a person gave stays, whatever the customer goes by."""
    named = set(request.update_mask.paths) - {"id"}
    if not named:
        raise Invalid("No valid fields")
    if "name" in named and not request.name:
        raise Invalid(fields={"name": "takes at least 2 characters"})
    row = await _seen(session, actor, request.id, for_update=True)
    values: dict[str, Any] = {name: getattr(request, name) or None for name in PLAIN if name in named}
    if "opt_in" in named and request.opt_in != row.opt_in:
        values |= {"opt_in": request.opt_in, "opt_in_updated_at": now()}
    known = ({"nameLocked": True} if "name" in named else {}) | (
        {"tags": [*dict.fromkeys(request.tags)]} if "tags" in named else {}
    )
    if known:
        values["metadata_"] = Contact.metadata_.concat(literal(orjson.dumps(known).decode(), JSONB))
    if values:
        await session.run(update(Contact).where(Contact.id == request.id).values(**values))
        await _announce(session, row, request, named, values)
    return pb.ContactResponse(
        success=True, contact=fill(pb.Contact, await session.first(SHOWN.where(Contact.id == request.id)))
    )


async def _announce(
    session: Session, row: Row, request: pb.UpdateContactRequest, named: set[str], values: dict[str, Any]
) -> None:
    fields = request.DESCRIPTOR.fields_by_name
    await emit(
        session,
        pb.ContactUpdated(
            contact_id=row.id,
            instance_id=row.instance_id,
            phone_number=row.phone_number,
            name=values.get("name") or row.name,
            is_group=row.is_group,
            changed=[fields[name].json_name for name in sorted(named)],
        ),
    )
    if "opt_in" in values:
        event = pb.ContactOptedIn if request.opt_in else pb.ContactOptedOut
        await emit(session, event(contact_id=row.id, instance_id=row.instance_id))


async def remove(session: Session, actor: Actor, request: pb.DeleteContactRequest) -> pb.DoneResponse:
    """The conversation stays; the contact comes back when the customer writes again."""
    row = await _seen(session, actor, request.id, for_update=True)
    await session.run(update(Contact).where(Contact.id == row.id).values(deleted_at=now()))
    await emit(session, pb.ContactDeleted(contact_id=row.id, instance_id=row.instance_id))
    return pb.DoneResponse(success=True)
