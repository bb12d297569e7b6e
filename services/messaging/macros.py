"""Text blocks for agents: for one instance, or for all."""

import unicodedata
from typing import Any

import psycopg
from sqlalchemy import ColumnElement, func, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from protos import messaging_pb2 as pb
from services.kit import pages
from services.kit.actor import Actor
from services.kit.db import Session
from services.kit.errors import Conflict, Invalid, NotFound
from services.kit.pb import columns, fill
from services.messaging.inbox_models import Macro
from services.messaging.models import Instance

SHOWN = select(*columns(pb.Macro, Macro))
LONGEST_SHORTCUT = 20
CATEGORY = "geral"


class MacroNotFound(NotFound):
    """Macro not found"""


class ShortcutTaken(Conflict):
    """Another macro has this shortcut."""

    code = "shortcut_taken"


async def list_macros(session: Session, actor: Actor, request: pb.ListMacrosRequest) -> pb.ListMacrosResponse:
    """Those in use, by name; of an instance with those for all."""
    page = pages.read(request)
    wanted: list[ColumnElement[bool]] = [Macro.is_active.is_(True)]
    if request.instance_id:
        wanted.append(or_(Macro.instance_id.is_(None), Macro.instance_id == request.instance_id))
    if request.category:
        wanted.append(Macro.category == request.category)
    statement = SHOWN.where(*wanted).order_by(Macro.name, Macro.id).limit(page.fetch).offset(page.offset)
    if page.after:
        statement = statement.where(tuple_(Macro.name, Macro.id) > pages.place(page, Macro.name, Macro.id))
    total = None
    if page.wants_total:
        total = await session.scalar(select(func.count()).select_from(Macro).where(*wanted))
    rows, pagination = pages.cut(page, await session.all(statement), lambda row: (row.name, row.id), total)
    return pb.ListMacrosResponse(macros=[fill(pb.Macro, row) for row in rows], pagination=pagination)


async def create(session: Session, actor: Actor, request: pb.CreateMacroRequest) -> pb.MacroResponse:
    await _require_instance(session, request.instance_id)
    values = {
        "name": request.name,
        "content": request.content,
        "shortcut": shortcut(request.shortcut or request.name),
        "description": request.description or None,
        "category": request.category or CATEGORY,
        "instance_id": request.instance_id or None,
    }
    try:
        made = await session.scalar(insert(Macro).values(**values).returning(Macro.id))
    except psycopg.errors.UniqueViolation as error:
        raise ShortcutTaken from error
    return await _answer(session, made)


def shortcut(text: str) -> str:
    """`Boas-vindas à Loja` -> `boas_vindas_a_loja`."""
    plain = unicodedata.normalize("NFKD", text.lower()).encode("ascii", "ignore").decode()
    words = "".join(letter if letter.isalnum() else " " for letter in plain).split()
    return "_".join(words)[:LONGEST_SHORTCUT].strip("_") or "macro"


async def change(session: Session, actor: Actor, request: pb.UpdateMacroRequest) -> pb.MacroResponse:
    await _require_instance(session, request.instance_id)
    named = set(request.update_mask.paths)
    values: dict[str, Any] = {
        name: getattr(request, name) for name in ("name", "content", "category") if getattr(request, name)
    }
    if request.shortcut:
        values["shortcut"] = shortcut(request.shortcut)
    for name in named & {"description", "instance_id"}:
        values[name] = getattr(request, name) or None
    if not values:
        raise Invalid("No valid fields")
    try:
        found = await session.run(
            update(Macro).where(Macro.id == request.id, Macro.is_active).values(**values)
        )
    except psycopg.errors.UniqueViolation as error:
        raise ShortcutTaken from error
    if not found:
        raise MacroNotFound
    return await _answer(session, request.id)


async def remove(session: Session, actor: Actor, request: pb.DeleteMacroRequest) -> pb.DoneResponse:
    """It goes out of use; what was written with it stays."""
    retired = update(Macro).where(Macro.id == request.id, Macro.is_active).values(is_active=False)
    if not await session.run(retired):
        raise MacroNotFound
    return pb.DoneResponse(success=True)


async def use(session: Session, actor: Actor, request: pb.UseMacroRequest) -> pb.MacroResponse:
    counted = update(Macro).where(Macro.id == request.id, Macro.is_active)
    if not await session.run(counted.values(usage_count=Macro.usage_count + 1)):
        raise MacroNotFound
    return await _answer(session, request.id)


async def _require_instance(session: Session, id: str) -> None:
    if id and not await session.first(select(Instance.id).where(Instance.id == id)):
        raise Invalid(fields={"instanceId": "does not exist"})


async def _answer(session: Session, id: str) -> pb.MacroResponse:
    return pb.MacroResponse(
        success=True, macro=fill(pb.Macro, await session.first(SHOWN.where(Macro.id == id)))
    )
