"""Whom a campaign addresses: the contacts are messaging's, what is known of their leads is sales'."""

from collections.abc import Sequence
from dataclasses import dataclass

from google.protobuf import json_format

from protos import campaigns_pb2 as pb
from protos import messaging_pb2 as messaging
from protos import sales_pb2 as sales
from services.campaigns import peers
from services.kit.errors import Invalid

PAGE = 1000
PATIENCE = 10.0


@dataclass(frozen=True)
class Page:
    members: Sequence[messaging.AudienceMember]
    cursor: str | None  # None: this was the last one


def written(audience: pb.Audience) -> str:
    return json_format.MessageToJson(audience, indent=None)


def read(text: str | None) -> pb.Audience:
    """No audience is everyone."""
    return json_format.Parse(text, pb.Audience(), ignore_unknown_fields=True) if text else pb.Audience()


def check(audience: pb.Audience) -> None:
    after, before = audience.last_interaction_after, audience.last_interaction_before
    if after and before and after > before:
        raise Invalid(
            "lastInteractionAfter is later than lastInteractionBefore.",
            fields={"targetAudience.lastInteractionAfter": "is later than lastInteractionBefore"},
        )


async def page(instance_id: str, audience: pb.Audience, after: str = "") -> Page:
    """The next members in the order of their ids; a page may be empty and still not be the last."""
    excluded = set(audience.exclude_contact_ids)
    found = await (_with_leads if _asks_sales(audience) else _all)(instance_id, audience, after)
    return Page([member for member in found.members if member.contact_id not in excluded], found.cursor)


async def estimate(instance_id: str, audience: pb.Audience) -> int:
    """How many there are now."""
    if not _asks_sales(audience):
        reply = await _resolve(instance_id, audience, audience.contact_ids, count_only=True)
        return reply.count
    count, cursor = 0, ""
    while True:
        found = await page(instance_id, audience, cursor)
        count += len(found.members)
        if found.cursor is None:
            return count
        cursor = found.cursor


def _asks_sales(audience: pb.Audience) -> bool:
    return bool(audience.lead_status or audience.lead_source or audience.HasField("min_lead_score"))


async def _all(instance_id: str, audience: pb.Audience, after: str) -> Page:
    reply = await _resolve(instance_id, audience, audience.contact_ids, after=after)
    return Page(reply.members, reply.members[-1].contact_id if reply.has_more and reply.members else None)


async def _with_leads(instance_id: str, audience: pb.Audience, after: str) -> Page:
    """Sales narrows first, because leads are fewer than contacts."""
    leads = await peers.sales.ListLeadContacts(
        sales.ListLeadContactsRequest(
            statuses=audience.lead_status,
            sources=audience.lead_source,
            min_score=audience.min_lead_score if audience.HasField("min_lead_score") else None,
            contact_ids=audience.contact_ids,
            after=after,
            limit=PAGE,
        ),
        timeout=PATIENCE,
    )
    if not leads.contact_ids:
        return Page([], None)
    reply = await _resolve(instance_id, audience, leads.contact_ids)
    return Page(reply.members, leads.contact_ids[-1] if leads.has_more else None)


async def _resolve(
    instance_id: str,
    audience: pb.Audience,
    contact_ids: Sequence[str],
    *,
    after: str = "",
    count_only: bool = False,
) -> messaging.ResolveAudienceResponse:
    request = messaging.ResolveAudienceRequest(
        instance_id=instance_id,
        contact_ids=contact_ids,
        exclude_contact_ids=audience.exclude_contact_ids if count_only else (),
        tags=audience.tags,
        search=audience.search or None,
        sentiments=audience.sentiment,
        last_interaction_after=audience.last_interaction_after or None,
        last_interaction_before=audience.last_interaction_before or None,
        after=after,
        limit=PAGE,
        count_only=count_only,
    )
    return await peers.messaging.ResolveAudience(request, timeout=PATIENCE)
