"""Pausing, resuming and cancelling: what messaging has not begun is taken back."""

from typing import Any

from protos import campaigns_pb2 as pb
from protos import messaging_pb2 as messaging
from services.campaigns import peers
from services.campaigns.campaigns import WrongStatus, locked, read, refuse_unless, shown
from services.campaigns.progress import count, finish_if_done, key, put_back
from services.kit.actor import Actor
from services.kit.clock import now
from services.kit.db import Database, Session
from services.kit.log import log
from services.kit.outbox import emit

MOST_AT_ONCE = 500
ENDED_AT_ONCE = 5000  # rows in one transaction: a third of a second

PAUSE = """
    update campaigns set status = 'paused', failure_reason = %(reason)s, updated_at = %(at)s where id = %(id)s
"""
RESUME = """
    update campaigns set status = 'sending', failure_reason = null, failure_streak = 0, updated_at = %(at)s
    where id = %(id)s
"""
CANCEL = """
    update campaigns set status = 'cancelled', cancelled_at = %(at)s, updated_at = %(at)s where id = %(id)s
"""
END_SOME = """
    update campaign_messages set status = 'cancelled' where id in (
        select id from campaign_messages where campaign_id = %(id)s and status = 'pending' limit %(limit)s
    )
"""
QUEUED = """
    select id, contact_id, attempts from campaign_messages
    where campaign_id = %(id)s and status = 'queued' and contact_id > %(after)s
    order by contact_id limit %(limit)s
"""
FIRST = "00000000-0000-0000-0000-000000000000"


async def pause(db: Database, actor: Actor, request: pb.PauseCampaignRequest) -> pb.CampaignResponse:
    async with db.begin() as session:
        refuse_unless(await locked(session, request.id), "paused")
        await hold(session, request.id, None)
    await recall(db, request.id)
    return await _answer(db, request.id)


async def resume(session: Session, actor: Actor, request: pb.ResumeCampaignRequest) -> pb.CampaignResponse:
    campaign = await locked(session, request.id)
    if campaign.status != "paused":
        raise WrongStatus(f"A {campaign.status} campaign is not paused.")
    await session.run(RESUME, id=campaign.id, at=now())
    await emit(session, pb.CampaignResumed(campaign_id=campaign.id), pb.BatchDue(campaign_id=campaign.id))
    return pb.CampaignResponse(success=True, campaign=shown(await read(session, campaign.id)))


async def cancel(db: Database, actor: Actor, request: pb.CancelCampaignRequest) -> pb.CancelCampaignResponse:
    """When this returns, nothing more is sent than what WhatsApp was being handed at that moment."""
    async with db.begin() as session:
        campaign = await locked(session, request.id)
        cancelled = 0
        if campaign.status != "cancelled":
            refuse_unless(campaign, "cancelled")
            cancelled = campaign.pending_count
            await session.run(CANCEL, id=campaign.id, at=now())
            await emit(session, pb.CampaignCancelled(campaign_id=campaign.id, cancelled_recipients=cancelled))
    log.info("campaign_cancelled", campaign_id=request.id, recipients=cancelled)
    cancelled += await recall(db, request.id)
    await _end_some(db, request.id)  # the announcement ends the others
    answer = await _answer(db, request.id)
    return pb.CancelCampaignResponse(success=True, campaign=answer.campaign, cancelled_recipients=cancelled)


async def hold(session: Session, id: str, reason: str | None) -> None:
    """From sending to paused; the announcement takes back what is queued."""
    await session.run(PAUSE, id=id, reason=reason, at=now())
    await emit(session, pb.CampaignPaused(campaign_id=id, reason=reason or ""))


async def recall_paused(db: Database, event: pb.CampaignPaused) -> None:
    await recall(db, event.campaign_id)


async def end_cancelled(db: Database, event: pb.CampaignCancelled) -> None:
    await finish_cancelling(db, event.campaign_id)


async def finish_cancelling(db: Database, id: str) -> None:
    """Nobody of a cancelled campaign waits any longer."""
    await recall(db, id)
    while await _end_some(db, id):
        pass


async def recall(db: Database, id: str) -> int:
    """Take back what messaging has not begun; how the rest ends, events tell."""
    taken, after = 0, FIRST
    while True:
        async with db.read() as session:
            campaign = await read(session, id)
            queued = await session.all(QUEUED, id=id, after=after, limit=MOST_AT_ONCE)
        if campaign.status not in ("paused", "cancelled") or not queued:
            return taken
        taken += await _take_back(db, id, queued)
        after = queued[-1].contact_id


async def _take_back(db: Database, id: str, queued: list[Any]) -> int:
    keys = {key(one.id, one.attempts): (one.id, one.attempts) for one in queued}
    with peers.in_our_own_name():
        reply = await peers.messaging.CancelQueued(messaging.CancelQueuedRequest(keys=[*keys]))
    async with db.begin() as session:
        campaign = await locked(session, id)
        taken = await put_back(session, campaign, [keys[name] for name in reply.keys])
        await finish_if_done(session, id)
    return taken


async def _end_some(db: Database, id: str) -> int:
    async with db.begin() as session:
        if (await locked(session, id)).status != "cancelled":
            return 0
        number = await session.run(END_SOME, id=id, limit=ENDED_AT_ONCE)
        if number:
            await count(session, id, "pending", "cancelled", number)
    return number


async def _answer(db: Database, id: str) -> pb.CampaignResponse:
    async with db.read() as session:
        return pb.CampaignResponse(success=True, campaign=shown(await read(session, id)))
