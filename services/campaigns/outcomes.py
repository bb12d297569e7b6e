"""What became of each message: messaging's events, in any order and any number, counted once."""

from typing import Any

from protos import campaigns_pb2 as pb
from protos import messaging_pb2 as messaging
from services.campaigns import progress, reminders
from services.campaigns.campaigns import locked
from services.campaigns.progress import BATCH, WINDOW, count, finish_if_done
from services.campaigns.recall import hold
from services.kit.clock import now
from services.kit.db import Row, Session
from services.kit.log import log
from services.kit.outbox import emit

FAILURES_IN_A_ROW = 20

# What a later event may still say. The two kinds of events overtake each other.
FORWARD = {
    "pending": {"sent", "delivered", "read", "failed", "unknown"},
    "queued": {"sent", "delivered", "read", "failed", "unknown"},
    "unknown": {"sent", "delivered", "read", "failed"},
    "sent": {"delivered", "read", "failed"},
    "delivered": {"read"},
}
DROPPED = {"opted_out": "cancelled", "contact_gone": "cancelled", "instance_gone": "failed"}

FIND = """
    select id, campaign_id from campaign_messages where id = %(id)s
    union all
    select id, campaign_id from campaign_messages
    where %(id)s::uuid is null and whatsapp_message_id = %(whatsapp)s
    limit 1
"""
LOCK = "select id, status, attempts from campaign_messages where id = %(id)s for update"
RECORD = """
    update campaign_messages set status = %(status)s, error = coalesce(%(error)s, error),
        message_id = coalesce(message_id, %(message)s),
        whatsapp_message_id = coalesce(whatsapp_message_id, %(whatsapp)s),
        sent_at = case when %(status)s in ('sent', 'delivered', 'read') then least(sent_at, %(at)s)
            else sent_at end,
        delivered_at = case when %(status)s in ('delivered', 'read') then coalesce(delivered_at, %(at)s) end,
        read_at = case when %(status)s = 'read' then coalesce(read_at, %(at)s) end
    where id = %(id)s
"""
DROP = "update campaign_messages set status = %(status)s, error = %(error)s where id = %(id)s"
STREAK = """
    update campaigns set failure_streak = case when %(failed)s then failure_streak + 1 else 0 end
    where id = %(id)s returning *
"""
WAITING_FOR = (
    "select distinct campaign_id from campaign_messages where contact_id = %(contact)s and status = 'pending'"
)
OPT_OUT = """
    update campaign_messages set status = 'cancelled', error = 'opted_out'
    where campaign_id = %(campaign)s and contact_id = %(contact)s and status = 'pending'
"""


async def sent(session: Session, event: messaging.MessageSent) -> None:
    await _record(session, event, "sent", event.timestamp, None)


async def status_changed(session: Session, event: messaging.MessageStatusChanged) -> None:
    if event.correlation_id.startswith("reminder:"):
        await reminders.record(session, event)
    elif event.status in ("sent", "delivered", "read", "failed", "unknown"):
        await _record(session, event, event.status, now(), event.error or None)


async def dropped(session: Session, event: messaging.QueuedMessageDropped) -> None:
    """Nothing was sent. Past its hour it waits for the next one; otherwise it ends."""
    kind, _, rest = event.key.partition(":")
    if kind != "campaign":
        return
    id, _, attempt = rest.partition(":")
    found = await session.first(FIND, id=id, whatsapp=None)
    if found is None:
        return
    campaign = await locked(session, found.campaign_id)
    if event.reason not in DROPPED:
        await progress.put_back(session, campaign, [(id, int(attempt))])
        return
    recipient = await session.first(LOCK, id=id)
    if recipient is None or recipient.status != "queued" or recipient.attempts != int(attempt):
        return
    status = DROPPED[event.reason]
    await session.run(DROP, id=id, status=status, error=event.reason)
    await _go_on(session, await count(session, campaign.id, "queued", status))


async def opted_out(session: Session, event: messaging.ContactOptedOut) -> None:
    """Who has been queued already, messaging drops at the last moment."""
    waiting = await session.all(WAITING_FOR, contact=event.contact_id)
    for id in sorted(row.campaign_id for row in waiting):
        campaign = await locked(session, id)
        number = await session.run(OPT_OUT, campaign=campaign.id, contact=event.contact_id)
        await count(session, campaign.id, "pending", "cancelled", number)
        await finish_if_done(session, campaign.id)


async def _record(session: Session, event: Any, status: str, at: Any, error: str | None) -> None:
    """Move a recipient forward. The campaign is locked first, as everywhere."""
    kind, _, id = event.correlation_id.partition(":")
    if kind != "campaign" and event.origin != "campaign":
        return
    found = await session.first(
        FIND, id=id if kind == "campaign" else None, whatsapp=event.provider_message_id or None
    )
    if found is None:
        log.warning("outcome_of_nobody", message_id=event.message_id)
        return
    campaign = await locked(session, found.campaign_id)
    recipient = await session.first(LOCK, id=found.id)
    assert recipient
    new = status if status in FORWARD.get(recipient.status, ()) else recipient.status
    await session.run(
        RECORD,
        id=recipient.id,
        status=new,
        error=error if new == status else None,
        message=event.message_id or None,
        whatsapp=event.provider_message_id or None,
        at=at,
    )
    if new != recipient.status:
        await _moved(session, campaign.id, recipient.status, new, error)


async def _moved(session: Session, id: str, old: str, new: str, error: str | None) -> None:
    campaign = await count(session, id, old, new)
    if new != "unknown":
        campaign = await session.first(STREAK, id=id, failed=new == "failed")
    if campaign.status == "sending" and campaign.failure_streak >= FAILURES_IN_A_ROW:
        await hold(session, id, f"{campaign.failure_streak} messages in a row failed. The last: {error}")
        return
    if old == "queued":
        await _go_on(session, campaign)


async def _go_on(session: Session, campaign: Row) -> None:
    """One message less with messaging: the end, or room for a batch."""
    await finish_if_done(session, campaign.id)
    if (
        campaign.status == "sending"
        and campaign.pending_count
        and campaign.queued_count in (0, WINDOW - BATCH)
    ):
        await emit(session, pb.BatchDue(campaign_id=campaign.id))
