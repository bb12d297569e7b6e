"""Changes of a lead by people: what may be changed, and what a change brings with it."""

from typing import Any

import orjson
from psycopg.errors import UniqueViolation

from protos import sales_pb2 as pb
from services.kit.actor import Actor
from services.kit.clock import now
from services.kit.db import Database, Row, Session
from services.kit.errors import Conflict, Forbidden, Invalid
from services.kit.outbox import emit
from services.kit.pb import fill
from services.sales import drafts, journal, leads, references, stages


class StaleVersion(Conflict):
    """Somebody else has changed this lead meanwhile. Load it again."""


class AlreadyLinked(Conflict):
    """This lead belongs to a conversation already."""


class CannotReassign(Forbidden):
    """Agents cannot reassign leads."""


LINKS = ("conversation_id", "contact_id")
KEPT = ("name", "status", "source")  # no lead is without them
NUMBERS = ("value", "probability")
CLEARABLE = ("sector_id", "phone", "email", "company", "expected_close_date", "notes", "assigned_to")
CHANGEABLE = (*LINKS, *KEPT, *NUMBERS, *CLEARABLE, "tags", "metadata")


async def update(db: Database, actor: Actor, request: pb.UpdateLeadRequest) -> pb.LeadResponse:
    asked = wanted(request)
    if not asked.keys().isdisjoint((*LINKS, "assigned_to")):
        async with db.read() as session:
            lead = await leads.one(session, actor, request.id)
        asked |= await _resolved(actor, lead, asked)
    async with db.begin() as session:
        lead = await leads.locked(session, actor, request.id)
        if request.HasField("version") and request.version != lead.version:
            raise StaleVersion(details={"version": lead.version})
        changed = differing(lead, asked)
        refuse(actor, lead, changed)
        if changed:
            lead = await _change(
                session, actor, lead, changed, request, keeps_probability="probability" in asked
            )
    return pb.LeadResponse(success=True, lead=fill(pb.Lead, lead))


def wanted(request: pb.UpdateLeadRequest) -> dict[str, Any]:
    """What the body asks for, by column: null clears, and what it does not name stays."""
    return {name: _asked(request, name) for name in request.update_mask.paths if name in CHANGEABLE}


def differing(lead: Row, asked: dict[str, Any]) -> dict[str, Any]:
    """The part of what is asked that is not so already."""
    return {
        name: value for name, value in asked.items() if _read(name, getattr(lead, name)) != _read(name, value)
    }


def refuse(actor: Actor, lead: Row, changed: dict[str, Any]) -> None:
    if "assigned_to" in changed and not actor.leads:
        raise CannotReassign
    if lead.conversation_id and not changed.keys().isdisjoint(LINKS):
        raise AlreadyLinked


def _asked(request: pb.UpdateLeadRequest, name: str) -> Any:
    if name == "phone":
        return drafts.digits(request.phone)
    if name == "tags":
        return drafts.tags(request.tags)
    if name == "metadata":
        return drafts.json_object(request.metadata)
    value = getattr(request, name)
    if name in KEPT and not value:
        raise Invalid(fields={name: "must not be empty"})
    return value if name in NUMBERS else value or None


def _read(name: str, value: Any) -> Any:
    return orjson.loads(value) if name == "metadata" else value


async def _resolved(actor: Actor, lead: Row, asked: dict[str, Any]) -> dict[str, Any]:
    """References that are new, checked; a conversation brings its contact."""
    changed = differing(lead, asked)
    refuse(actor, lead, changed)
    if changed.get("assigned_to"):
        await references.check_assignee(actor, changed["assigned_to"])
    linked = await references.linked(changed.get("conversation_id"), changed.get("contact_id"))
    return {"contact_id": linked.contact_id} if linked else {}


async def _change(
    session: Session,
    actor: Actor,
    lead: Row,
    changed: dict[str, Any],
    request: pb.UpdateLeadRequest,
    *,
    keeps_probability: bool,
) -> Row:
    values = {**changed}
    if "status" in changed:
        values |= stages.reached(
            changed["status"],
            by=actor.id,
            at=now(),
            keeps_probability=keeps_probability,
            was_qualified=lead.qualified_at is not None,
        )
    if "assigned_to" in changed:
        values["owner_inactive"] = False
    try:
        after = await leads.change(session, lead, values)
    except UniqueViolation as error:
        raise leads.LeadExists from error
    await _write_down(session, actor, lead, after, request.status_change_notes or None)
    await emit(session, _updated(lead, after, changed))
    return after


async def _write_down(session: Session, actor: Actor, before: Row, after: Row, reason: str | None) -> None:
    if after.status != before.status:
        await stages.announce(session, after, before.status, by=actor.id, via=actor.service, reason=reason)
    if after.assigned_to != before.assigned_to:
        await journal.activity(
            session,
            after.id,
            "assignment",
            "Responsável alterado",
            by=actor.id,
            old=before.assigned_to,
            new=after.assigned_to,
        )
    if after.value != before.value:
        await journal.activity(
            session,
            after.id,
            "value_change",
            "Valor alterado",
            by=actor.id,
            old=f"{before.value:.2f}",
            new=f"{after.value:.2f}",
        )


def _updated(before: Row, after: Row, changed: dict[str, Any]) -> pb.LeadUpdated:
    return pb.LeadUpdated(
        lead_id=after.id,
        changed=sorted(changed),
        conversation_id=after.conversation_id,
        contact_id=after.contact_id,
        assigned_to=after.assigned_to,
        previously_assigned_to=before.assigned_to if before.assigned_to != after.assigned_to else None,
    )
