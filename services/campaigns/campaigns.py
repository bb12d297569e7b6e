"""Campaigns: writing them, finding them, and what status may follow which."""

import re
from datetime import timedelta
from typing import Any

from sqlalchemy import func, insert, literal, or_, select

from protos import campaigns_pb2 as pb
from protos import messaging_pb2 as messaging
from services.campaigns import audience, lists, peers, quiet, templates, workspace
from services.campaigns.models import Campaign
from services.campaigns.settings import reachable_hosts
from services.kit import days, egress, pages
from services.kit.actor import Actor
from services.kit.clock import now, parse
from services.kit.db import Database, Row, Session
from services.kit.errors import Conflict, Invalid, NotFound, Refusal
from services.kit.log import log
from services.kit.outbox import emit
from services.kit.tables import MOMENT, new_id


class CampaignNotFound(NotFound):
    """Campaign not found"""


class WrongStatus(Conflict):
    """The campaign is not in a state that allows this."""

    code = "invalid_state"


TRANSITIONS = {
    "draft": {"scheduled", "sending", "cancelled"},
    "scheduled": {"draft", "sending", "failed", "cancelled"},
    "sending": {"paused", "completed", "failed", "cancelled"},
    "paused": {"sending", "completed", "failed", "cancelled"},
}
LATE = timedelta(minutes=1)  # what a form may take to be sent
LARGEST_FILE = 10 * 1024 * 1024
ADDRESS = re.compile(r"https?://[^\s\\]+")
COLUMNS = Campaign.__table__.c
PLAIN = [field.name for field in pb.Campaign.DESCRIPTOR.fields if field.message_type is None]

READ = "select * from campaigns where id = %(id)s"
LOCK = "select * from campaigns where id = %(id)s for update"


async def create(db: Database, actor: Actor, request: pb.CreateCampaignRequest) -> pb.CreateCampaignResponse:
    templates.check(request.message_template)
    await _check_media(request)
    audience.check(request.target_audience)
    if request.scheduled_at and parse(request.scheduled_at) < now() - LATE:
        raise Invalid("scheduledAt must be in the future", fields={"scheduledAt": "is in the past"})
    if request.instance_id and not await instances([request.instance_id]):
        raise Invalid("Instance not found", fields={"instanceId": "does not exist"})
    values = {**_values(request), "created_by": actor.id, **await _quiet_hours(request)}
    async with db.begin() as session:
        campaign = await session.first(insert(Campaign).values(values).returning(*COLUMNS))
        assert campaign
        await emit(session, pb.CampaignCreated(campaign_id=campaign.id, created_by=actor.id))
    return pb.CreateCampaignResponse(
        success=True, campaign=shown(campaign), estimated_recipients=await _estimate(campaign)
    )


async def list_campaigns(
    session: Session, actor: Actor, request: pb.ListCampaignsRequest
) -> pb.ListCampaignsResponse:
    filtered = select(*COLUMNS)
    if request.status:
        filtered = filtered.where(COLUMNS.status.in_(request.status))
    if request.instance_id:
        filtered = filtered.where(COLUMNS.instance_id == request.instance_id)
    if request.search:
        pattern = f"%{_escaped(request.search)}%"
        filtered = filtered.where(or_(COLUMNS.name.ilike(pattern), COLUMNS.description.ilike(pattern)))
    if request.date_from:
        filtered = filtered.where(COLUMNS.created_at >= parse(request.date_from))
    if request.date_to:
        filtered = filtered.where(COLUMNS.created_at < days.end(request.date_to, "dateTo"))
    sort = request.sort or "-createdAt"
    column, value = SORTS[sort.removeprefix("-")]
    rows, pagination = await lists.read(
        session,
        filtered,
        pages.read(request),
        (column, COLUMNS.id),
        lambda row: (value(row), row.id),
        descending=sort.startswith("-"),
    )
    return pb.ListCampaignsResponse(campaigns=[shown(row) for row in rows], pagination=pagination)


SORTS: dict[str, Any] = {
    "createdAt": (COLUMNS.created_at, lambda row: row.created_at),
    "name": (COLUMNS.name, lambda row: row.name),
    "scheduledAt": (
        func.coalesce(COLUMNS.scheduled_at, literal(lists.LONG_AGO, MOMENT)),
        lambda row: row.scheduled_at or lists.LONG_AGO,
    ),
}


async def read(session: Session, id: str) -> Row:
    campaign = await session.first(READ, id=id)
    if campaign is None:
        raise CampaignNotFound
    return campaign


async def locked(session: Session, id: str) -> Row:
    """A campaign that nobody else changes before we are done. Its recipients are locked after it."""
    campaign = await session.first(LOCK, id=id)
    if campaign is None:
        raise CampaignNotFound
    return campaign


def refuse_unless(campaign: Row, status: str) -> None:
    if status not in TRANSITIONS.get(campaign.status, ()):
        raise WrongStatus(f"A {campaign.status} campaign cannot become {status}.")


async def instances(ids: list[str]) -> list[messaging.InstanceHealth]:
    """Those of these instances that exist; of none given, every active one."""
    reply = await peers.messaging.CheckInstances(messaging.CheckInstancesRequest(ids=ids))
    return [*reply.instances]


def shown(campaign: Row) -> pb.Campaign:
    hours = pb.QuietHours(start=campaign.quiet_from, end=campaign.quiet_to) if campaign.quiet_from else None
    whom = audience.read(campaign.target_audience) if campaign.target_audience else None
    plain = {name: getattr(campaign, name) for name in PLAIN}
    return pb.Campaign(**plain, target_audience=whom, quiet_hours=hours)


def _values(request: pb.CreateCampaignRequest) -> dict[str, Any]:
    whom = audience.written(request.target_audience) if request.HasField("target_audience") else None
    return {
        "id": new_id(),
        "name": request.name,
        "status": "scheduled" if request.scheduled_at else "draft",
        "message_template": request.message_template,
        "description": request.description or None,
        "media_url": request.media_url or None,
        "media_type": request.media_type or None,
        "target_audience": whom,
        "scheduled_at": request.scheduled_at or None,
        "instance_id": request.instance_id or None,
    }


async def _quiet_hours(request: pb.CreateCampaignRequest) -> dict[str, str | None]:
    """The campaign's own, or else the workspace's."""
    hours = {"start": request.quiet_hours.start, "end": request.quiet_hours.end}
    if not request.HasField("quiet_hours"):
        hours = await workspace.setting("campaigns.quiet_hours") or {}
    wanted = quiet.hours(hours.get("start"), hours.get("end"))
    if wanted is None:
        return {"quiet_from": None, "quiet_to": None}
    return {"quiet_from": f"{wanted.begins:%H:%M}", "quiet_to": f"{wanted.ends:%H:%M}"}


async def _check_media(request: pb.CreateCampaignRequest) -> None:
    if bool(request.media_url) != bool(request.media_type):
        missing = "mediaType" if request.media_url else "mediaUrl"
        raise Invalid("mediaUrl and mediaType belong together", fields={missing: "is required"})
    if ADDRESS.fullmatch(request.media_url):
        await egress.vet(request.media_url, reachable_hosts())
    elif request.media_url:
        await _check_file(request.media_url)


async def _check_file(key: str) -> None:
    """What was put to a signed address is looked at now, and not when everybody is to get it."""
    try:
        file = await peers.messaging.GetFile(messaging.GetFileRequest(key=key))
    except NotFound as error:
        wrong = "is neither an address nor a file that is stored"
        raise Invalid("File not found", fields={"mediaUrl": wrong}) from error
    if file.size > LARGEST_FILE:
        raise Invalid("The file is too large", fields={"mediaUrl": "is larger than 10 MB"})


async def _estimate(campaign: Row) -> int | None:
    """How many people it would reach; None while messaging or sales cannot tell."""
    try:
        ids = [campaign.instance_id] if campaign.instance_id else []
        usable = [one for one in await instances(ids) if ids or one.connected]
        if len(usable) != 1:
            return None
        return await audience.estimate(usable[0].id, audience.read(campaign.target_audience))
    except Refusal as refusal:
        log.warning("audience_not_estimated", campaign_id=campaign.id, error=type(refusal).__name__)
        return None


def _escaped(text: str) -> str:
    return re.sub(r"([\\%_])", r"\\\1", text)
