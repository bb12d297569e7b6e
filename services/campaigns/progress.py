"""How far a campaign is: its counters follow its recipients, in the same transaction."""

from collections.abc import Sequence

from protos import campaigns_pb2 as pb
from services.campaigns import pacing
from services.kit.clock import now
from services.kit.db import Row, Session
from services.kit.outbox import emit

BATCH = 500
WINDOW = 1000  # with messaging and not yet begun or told of; the refill comes when a batch fits again

# Counts are cumulative: what was read was also delivered and sent.
COUNTED = {
    "pending": ("pending",),
    "queued": ("queued",),
    "sent": ("sent",),
    "delivered": ("sent", "delivered"),
    "read": ("sent", "delivered", "read"),
    "failed": ("failed",),
    "unknown": ("unknown",),
    "cancelled": ("cancelled",),
}
COUNTERS = ("pending", "queued", "sent", "delivered", "read", "failed", "unknown", "cancelled")

COUNT = f"""
    update campaigns set updated_at = %(at)s,
        {", ".join(f"{name}_count = {name}_count + %({name})s" for name in COUNTERS)}
    where id = %(id)s returning *
"""
PUT_BACK = """
    update campaign_messages as one set status = %(status)s, handed_at = null
    from unnest(%(ids)s::uuid[], %(attempts)s::int[]) as batch (id, attempts)
    where one.id = batch.id and one.attempts = batch.attempts and status = 'queued'
    returning handed_on
"""
FINISH = """
    update campaigns set completed_at = %(at)s, updated_at = %(at)s,
        status = case when sent_count + unknown_count = 0 then 'failed' else 'completed' end,
        failure_reason = case when sent_count + unknown_count = 0 then 'No message could be sent.' end
    where id = %(id)s and status in ('sending', 'paused') and frozen_at is not null
        and pending_count = 0 and queued_count = 0
    returning *
"""


def key(recipient_id: str, attempt: int) -> str:
    """A new attempt has a new key: it is made only when the one before is proven never to be sent."""
    return f"campaign:{recipient_id}:{attempt}"


def correlation(recipient_id: str) -> str:
    return f"campaign:{recipient_id}"


def difference(old: str, new: str, number: int = 1) -> dict[str, int]:
    """What moving this many recipients from one status to another does to each counter."""
    return {name: number * ((name in COUNTED[new]) - (name in COUNTED[old])) for name in COUNTERS}


async def count(session: Session, campaign_id: str, old: str, new: str, number: int = 1) -> Row:
    campaign = await session.first(COUNT, id=campaign_id, at=now(), **difference(old, new, number))
    assert campaign
    return campaign


async def put_back(session: Session, campaign: Row, attempts: Sequence[tuple[str, int]]) -> int:
    """What messaging will never send under these keys waits again, or ends with its campaign.

    The campaign is locked by the caller.
    """
    status = "cancelled" if campaign.status == "cancelled" else "pending"
    ids, numbers = [id for id, _ in attempts], [number for _, number in attempts]
    rows = await session.all(PUT_BACK, status=status, ids=ids, attempts=numbers)
    if rows:
        await count(session, campaign.id, "queued", status, len(rows))
        await pacing.give_back(session, campaign.instance_id, [row.handed_on for row in rows])
    return len(rows)


async def finish_if_done(session: Session, campaign_id: str) -> None:
    """Completed when nobody is left; failed when nothing went out."""
    campaign = await session.first(FINISH, id=campaign_id, at=now())
    if campaign is None:
        return
    await emit(
        session,
        pb.CampaignCompleted(
            campaign_id=campaign.id,
            status=campaign.status,
            total_recipients=campaign.total_recipients,
            sent_count=campaign.sent_count,
            failed_count=campaign.failed_count,
            unknown_count=campaign.unknown_count,
        ),
    )
