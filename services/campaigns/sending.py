"""Sending a campaign: batches go to messaging's send gate, and each makes room for the next.

Nothing is kept in memory, and nobody waits: `BatchDue` says that there may be work, and as often as it is
said, a message is claimed once, under a key that messaging sends at most once.
"""

from datetime import timedelta
from zoneinfo import ZoneInfo

from protos import campaigns_pb2 as pb
from protos import messaging_pb2 as messaging
from services.campaigns import pacing, peers, quiet, templates, workspace
from services.campaigns.campaigns import READ, instances, locked
from services.campaigns.progress import BATCH, WINDOW, correlation, finish_if_done, key, put_back
from services.campaigns.recall import finish_cancelling, recall
from services.kit.clock import now, parse, rfc3339
from services.kit.db import Database, Row, Session
from services.kit.outbox import emit

STALLED_AFTER = timedelta(minutes=5)
AUDIENCE_LATE = timedelta(minutes=1)

NEXT = """
    select id, contact_name, phone_number from campaign_messages
    where campaign_id = %(campaign)s and status = 'pending' and time_zone = %(zone)s
    order by id limit %(limit)s
"""
CLAIM = """
    update campaign_messages as one set status = 'queued', attempts = attempts + 1, handed_at = null,
        error = null, handed_on = %(day)s, rendered_content = batch.content
    from unnest(%(ids)s::uuid[], %(contents)s::text[]) as batch (id, content)
    where one.id = batch.id and status = 'pending'
"""
CLAIMED = """
    update campaigns set pending_count = pending_count - %(count)s, queued_count = queued_count + %(count)s,
        updated_at = %(at)s
    where id = %(id)s
"""
UNHANDED = """
    select id, contact_id, time_zone, rendered_content, attempts from campaign_messages
    where campaign_id = %(id)s and status = 'queued' and handed_at is null order by id limit %(limit)s
"""
HANDED = """
    update campaign_messages as one set handed_at = %(at)s
    from unnest(%(ids)s::uuid[], %(attempts)s::int[]) as batch (id, attempts)
    where one.id = batch.id and one.attempts = batch.attempts and status = 'queued'
"""
STALL = """
    update campaigns set stalled_since = %(at)s
    where id = %(id)s and status = 'sending' and stalled_since is null
"""
CONTINUE = """
    update campaigns set stalled_since = null, stall_told_at = null
    where id = %(id)s and stalled_since is not null
"""
AT_WORK = """
    select id, status, frozen_at, audience_cursor, updated_at from campaigns
    where (status = 'sending' or queued_count + pending_count > 0)
        and status in ('sending', 'paused', 'cancelled')
    order by status desc, id
"""
TELL_STALL = """
    update campaigns set stall_told_at = %(at)s
    where id = %(id)s and status = 'sending' and stalled_since <= %(before)s and stall_told_at is null
    returning instance_id, stalled_since
"""
OF_INSTANCE = "select id from campaigns where status = 'sending' and instance_id = %(instance)s order by id"


async def send_batch(db: Database, event: pb.BatchDue) -> None:
    """Hand the next recipients to messaging; come back until there is no room or nobody left."""
    async with db.read() as session:
        campaign = await session.first(READ, id=event.campaign_id)
    if campaign is None or campaign.status != "sending" or campaign.frozen_at is None:
        return
    connected = any(one.connected for one in await instances([campaign.instance_id]))
    zone = await workspace.zone()
    async with db.begin() as session:
        await session.run(CONTINUE if connected else STALL, id=campaign.id, at=now())
        more = connected and await _claim(session, campaign.id, zone)
    if connected:
        await _hand_over(db, campaign.id, zone)
    async with db.begin() as session:
        await finish_if_done(session, campaign.id)
        if more:
            await emit(session, pb.BatchDue(campaign_id=campaign.id))


async def follow_instance(session: Session, event: messaging.InstanceStatusChanged) -> None:
    """While an instance is away nothing is handed over; when it is back, its campaigns go on at once."""
    connected = event.status == "connected"
    for campaign in await session.all(OF_INSTANCE, instance=event.instance_id):
        await session.run(CONTINUE if connected else STALL, id=campaign.id, at=now())
        if connected:
            await emit(session, pb.BatchDue(campaign_id=campaign.id))


async def keep_going(db: Database) -> None:
    """What should be under way is said again, what should not be is taken back."""
    async with db.read() as session:
        campaigns = await session.all(AT_WORK)
    for campaign in campaigns:
        if campaign.status == "sending":
            await _push(db, campaign)
        elif campaign.status == "paused":
            await recall(db, campaign.id)
        else:
            await finish_cancelling(db, campaign.id)


async def _push(db: Database, campaign: Row) -> None:
    async with db.begin() as session:
        await _say_again(session, campaign)
        await _tell_stall(session, campaign)


async def _claim(session: Session, id: str, zone: ZoneInfo) -> bool:
    """Take pending recipients for a batch; whether there is likely more to take at once."""
    campaign = await locked(session, id)
    wanted = min(BATCH, WINDOW - campaign.queued_count)
    if campaign.status != "sending" or wanted <= 0:
        return False
    batch = await _next(session, campaign, wanted, zone)
    day = workspace.today(now(), zone)
    batch = batch[: await pacing.reserve(session, campaign.instance_id, day, len(batch))]
    if batch:
        ids = [one.id for one in batch]
        contents = [_content(campaign, one, zone) for one in batch]
        await session.run(CLAIM, ids=ids, contents=contents, day=day)
        await session.run(CLAIMED, id=id, count=len(batch), at=now())
    full: bool = len(batch) == wanted
    return full


async def _next(session: Session, campaign: Row, wanted: int, zone: ZoneInfo) -> list[Row]:
    """Recipients in time zones where it is not quiet now."""
    hours = quiet.hours(campaign.quiet_from, campaign.quiet_to)
    batch: list[Row] = []
    for name in sorted(campaign.time_zones):
        if quiet.allows(hours, now(), workspace.named(name) if name else zone):
            batch += await session.all(NEXT, campaign=campaign.id, zone=name, limit=wanted - len(batch))
    return batch


def _content(campaign: Row, recipient: Row, zone: ZoneInfo) -> str:
    name, phone = recipient.contact_name, recipient.phone_number
    known = templates.values(name, phone, campaign.author_name, now(), zone)
    return templates.render(campaign.message_template, known)


async def _hand_over(db: Database, id: str, zone: ZoneInfo) -> None:
    """Everything that was claimed and not yet taken by messaging, also by a run that was cut off."""
    async with db.read() as session:
        campaign = await session.first(READ, id=id)
        batch = await session.all(UNHANDED, id=id, limit=BATCH)
    if campaign is None or campaign.status != "sending" or not batch:
        return
    request = messaging.QueueMessagesRequest(messages=[_queued(campaign, one, zone) for one in batch])
    reply = await peers.messaging.QueueMessages(request)
    attempts = [(one.id, one.attempts) for one in batch]
    refused = [(id, number) for id, number in attempts if key(id, number) in reply.refused_keys]
    async with db.begin() as session:
        campaign = await locked(session, id)
        await session.run(
            HANDED, at=now(), ids=[id for id, _ in attempts], attempts=[number for _, number in attempts]
        )
        await put_back(session, campaign, refused)


def _queued(campaign: Row, recipient: Row, zone: ZoneInfo) -> messaging.QueuedMessage:
    place = workspace.named(recipient.time_zone) if recipient.time_zone else zone
    until = quiet.begins_next(quiet.hours(campaign.quiet_from, campaign.quiet_to), now(), place)
    return messaging.QueuedMessage(
        key=key(recipient.id, recipient.attempts),
        instance_id=campaign.instance_id,
        contact_id=recipient.contact_id,
        content=recipient.rendered_content,
        media_url=campaign.media_url,
        media_type=campaign.media_type,
        origin="campaign",
        correlation_id=correlation(recipient.id),
        not_after=rfc3339(until) if until else None,
    )


async def _say_again(session: Session, campaign: Row) -> None:
    if campaign.frozen_at is not None:
        await emit(session, pb.BatchDue(campaign_id=campaign.id))
    elif parse(campaign.updated_at) < now() - AUDIENCE_LATE:
        await emit(session, pb.AudienceDue(campaign_id=campaign.id, cursor=campaign.audience_cursor))


async def _tell_stall(session: Session, campaign: Row) -> None:
    told = await session.first(TELL_STALL, id=campaign.id, at=now(), before=now() - STALLED_AFTER)
    if told:
        id, instance = campaign.id, told.instance_id
        await emit(
            session, pb.CampaignStalled(campaign_id=id, instance_id=instance, since=told.stalled_since)
        )
