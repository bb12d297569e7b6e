"""Starting a campaign: one caller wins, and the audience is written down, a page at a time."""

from collections.abc import AsyncIterator
from typing import Any

from protos import campaigns_pb2 as pb
from protos import identity_pb2, messaging_pb2
from services.campaigns import audience, peers
from services.campaigns.audience import Page
from services.campaigns.campaigns import WrongStatus, instances, locked, read, refuse_unless, shown
from services.kit.actor import Actor
from services.kit.clock import now
from services.kit.db import Database, Row, Session
from services.kit.errors import Invalid, Refusal
from services.kit.log import log
from services.kit.outbox import emit
from services.kit.tables import new_id


class InstanceUnavailable(Invalid):
    """The WhatsApp instance is not connected."""

    code = "instance_unavailable"


class NoRecipients(Invalid):
    """Nobody would receive this campaign."""

    code = "no_recipients"


AT_ONCE = 100  # scheduled campaigns that are looked up together

START = """
    update campaigns set status = 'sending', instance_id = %(instance)s, author_name = %(author)s,
        started_at = %(at)s, updated_at = %(at)s, failure_reason = null
    where id = %(id)s and status in ('draft', 'scheduled') returning *
"""
# A contact that is in already, or whose number is, stays as it is: pages may come twice.
WRITE_DOWN = """
    insert into campaign_messages
        (id, campaign_id, contact_id, contact_name, phone_number, time_zone, status, created_at)
    select id, %(campaign)s, contact_id, nullif(name, ''), phone_number, time_zone, 'pending', %(at)s
    from unnest(
        %(ids)s::uuid[], %(contacts)s::uuid[], %(names)s::text[], %(phones)s::text[], %(zones)s::text[]
    ) as page (id, contact_id, name, phone_number, time_zone)
    on conflict do nothing
"""
ADD_UP = """
    update campaigns set pending_count = pending_count + %(count)s, audience_cursor = %(cursor)s,
        total_recipients = greatest(total_recipients, pending_count + %(count)s), updated_at = %(at)s,
        time_zones = array(select distinct unnest(time_zones || %(zones)s::text[]))
    where id = %(id)s
"""
FREEZE = """
    update campaigns set frozen_at = %(at)s, audience_cursor = null, updated_at = %(at)s,
        total_recipients =
            pending_count + queued_count + sent_count + failed_count + unknown_count + cancelled_count
    where id = %(id)s
"""
EXPECT = "update campaigns set total_recipients = %(count)s where id = %(id)s"
DUE = """
    select id, scheduled_at from campaigns
    where status = 'scheduled' and scheduled_at <= %(at)s and (scheduled_at, id) > (%(time)s, %(after)s)
    order by scheduled_at, id limit %(limit)s
"""
GIVE_UP = """
    update campaigns set status = 'failed', failure_reason = %(reason)s, completed_at = %(at)s,
        updated_at = %(at)s
    where id = %(id)s and status = 'scheduled' returning *
"""


async def send(db: Database, actor: Actor, request: pb.SendCampaignRequest) -> pb.SendCampaignResponse:
    campaign = await start(db, request.id)
    return pb.SendCampaignResponse(
        success=True,
        message="The campaign is being sent.",
        total_recipients=campaign.total_recipients,
        campaign=shown(campaign),
    )


async def process_scheduled(
    db: Database, actor: Actor, request: pb.ProcessScheduledRequest
) -> pb.ProcessScheduledResponse:
    return await start_due(db)


async def start_due(db: Database) -> pb.ProcessScheduledResponse:
    """Each campaign whose time has come, oldest first; what one of them runs into does not stop the next."""
    started, errors = [], []
    async for row in _due(db):
        try:
            await start(db, row.id)
            started.append(row.id)
        except WrongStatus:
            continue  # somebody else started or cancelled it meanwhile
        except NoRecipients as refusal:
            if await _give_up(db, row.id, refusal.message):
                errors.append(pb.StartError(campaign_id=row.id, error=refusal.message))
        except Refusal as refusal:
            log.warning("campaign_not_started", campaign_id=row.id, error=refusal.name)
            errors.append(pb.StartError(campaign_id=row.id, error=refusal.message))
    return pb.ProcessScheduledResponse(success=True, processed=len(started), started=started, errors=errors)


async def _due(db: Database) -> AsyncIterator[Row]:
    """Those that cannot start stay scheduled, and hold up none that comes after them."""
    at, time, after = now(), "-infinity", "00000000-0000-0000-0000-000000000000"
    while True:
        async with db.read() as session:
            rows = await session.all(DUE, at=at, time=time, after=after, limit=AT_ONCE)
        for row in rows:
            yield row
        if len(rows) < AT_ONCE:
            return
        time, after = rows[-1].scheduled_at, rows[-1].id


async def start(db: Database, id: str) -> Row:
    """From draft or scheduled to sending. Small audiences are complete when this returns."""
    async with db.read() as session:
        campaign = await read(session, id)
    refuse_unless(campaign, "sending")
    if campaign.status == "paused":
        raise WrongStatus("A paused campaign is not sent again: resume it.")
    instance = await _instance(campaign)
    whom = audience.read(campaign.target_audience)
    first = await _first_page(instance.id, whom)
    expected = 0 if first.cursor is None else await audience.estimate(instance.id, whom)
    values = {"instance": instance.id, "author": await _author(campaign.created_by), "at": now()}
    async with db.begin() as session:
        started = await session.first(START, id=id, **values)
        if started is None:
            raise WrongStatus("The campaign has been started or ended meanwhile.")
        await session.run(EXPECT, id=id, count=expected)
        await _write_down(session, id, first)
        campaign = await read(session, id)
        await emit(session, pb.CampaignStarted(campaign_id=id, total_recipients=campaign.total_recipients))
    log.info("campaign_started", campaign_id=id, recipients=campaign.total_recipients)
    return campaign


async def write_audience(db: Database, event: pb.AudienceDue) -> None:
    """The next page, unless it has been written already; then the page after it."""
    async with db.read() as session:
        campaign = await read(session, event.campaign_id)
    if not _expects(campaign, event.cursor):
        return
    page = await audience.page(campaign.instance_id, audience.read(campaign.target_audience), event.cursor)
    async with db.begin() as session:
        if _expects(await locked(session, campaign.id), event.cursor):
            await _write_down(session, campaign.id, page)


def _expects(campaign: Row, cursor: str) -> bool:
    return campaign.status in ("sending", "paused") and campaign.audience_cursor == cursor


async def _write_down(session: Session, id: str, page: Page) -> None:
    zones = [member.time_zone for member in page.members]
    columns: dict[str, Any] = {
        "ids": [new_id() for _ in page.members],
        "contacts": [member.contact_id for member in page.members],
        "names": [member.name for member in page.members],
        "phones": [member.phone_number for member in page.members],
        "zones": zones,
    }
    count = await session.run(WRITE_DOWN, campaign=id, at=now(), **columns)
    await session.run(ADD_UP, id=id, count=count, cursor=page.cursor, zones=sorted(set(zones)), at=now())
    if page.cursor is not None:
        await emit(session, pb.AudienceDue(campaign_id=id, cursor=page.cursor))
        return
    await session.run(FREEZE, id=id, at=now())
    await emit(session, pb.BatchDue(campaign_id=id))


async def _instance(campaign: Row) -> messaging_pb2.InstanceHealth:
    """The campaign's own, or the only one that is connected."""
    ids = [campaign.instance_id] if campaign.instance_id else []
    connected = [one for one in await instances(ids) if one.connected]
    if not connected:
        raise InstanceUnavailable
    if len(connected) > 1:
        raise InstanceUnavailable("Several instances are connected: say which one is to send.")
    return connected[0]


async def _first_page(instance_id: str, whom: pb.Audience) -> Page:
    """The first page that has anybody on it."""
    page = await audience.page(instance_id, whom)
    while not page.members and page.cursor is not None:
        page = await audience.page(instance_id, whom, page.cursor)
    if not page.members:
        raise NoRecipients
    return page


async def _author(id: str) -> str | None:
    """The creator's name, for `{{atendenteNome}}`; a campaign does not wait for it."""
    try:
        reply = await peers.identity.GetPeople(identity_pb2.GetPeopleRequest(ids=[id]), timeout=3)
    except Refusal:
        return None
    return reply.people[0].full_name if reply.people else None


async def _give_up(db: Database, id: str, reason: str) -> bool:
    async with db.begin() as session:
        failed = await session.first(GIVE_UP, id=id, reason=reason, at=now())
        if failed is None:
            return False
        await emit(session, pb.CampaignCompleted(campaign_id=id, status="failed"))
    return True
