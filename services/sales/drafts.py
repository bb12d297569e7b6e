"""A lead before it is stored: what the client sent, completed from what it refers to."""

import re
from typing import Any

import orjson

from protos import sales_pb2 as pb
from services.kit.actor import Actor
from services.kit.clock import now
from services.kit.errors import Invalid
from services.sales import references, stages

NOT_DIGITS = re.compile(r"\D")


async def complete(actor: Actor, request: pb.CreateLeadRequest) -> dict[str, Any]:
    """The columns of the new lead."""
    assignee = await _assignee(actor, request)
    linked = await references.linked(request.conversation_id or None, request.contact_id or None)
    name = request.name or (linked.name if linked else "")
    if not name:
        raise Invalid("name is required", fields={"name": "is required"})
    stage = stages.reached(
        request.status or "new",
        by=actor.id or actor.service,
        at=now(),
        keeps_probability=request.HasField("probability"),
        was_qualified=False,
    )
    return {
        "name": name[:200],
        "phone": digits(request.phone) or (linked.phone or None if linked else None),
        "contact_id": linked.contact_id if linked else None,
        "conversation_id": linked.conversation_id if linked else None,
        "sector_id": request.sector_id or (linked.sector_id if linked else None),
        "email": request.email or None,
        "company": request.company or None,
        "source": request.source or "whatsapp",
        "value": round(request.value, 2),
        "probability": request.probability,
        "expected_close_date": request.expected_close_date or None,
        "notes": request.notes or None,
        "tags": tags(request.tags),
        "metadata": json_object(request.metadata),
        "assigned_to": assignee,
    } | stage


def digits(phone: str) -> str | None:
    return NOT_DIGITS.sub("", phone) or None


def tags(given: Any) -> list[str]:
    """Each once, in the order given."""
    return list(dict.fromkeys(tag for tag in given if tag))


def json_object(text: str) -> str:
    if not isinstance(orjson.loads(text or "{}"), dict):
        raise Invalid(fields={"metadata": "must be an object"})
    return text or "{}"


async def _assignee(actor: Actor, request: pb.CreateLeadRequest) -> str | None:
    """Agents open leads for themselves; others for any active colleague."""
    if not actor.leads or not request.assigned_to:
        return actor.id or None
    await references.check_assignee(actor, request.assigned_to)
    return request.assigned_to
