"""After a restore: what the database believes is still to be sent may have been sent since the backup.

Until this has run, messaging's gate lets nothing out. What was under way at the time of the backup replays
itself up to the closed gate; there it ends as `unknown`, which nobody sends again. What people write
meanwhile goes out afterwards.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import psycopg

from deploy.convo.archive import Failed
from deploy.convo.place import Place
from deploy.local.credentials import SERVICES
from services.kit.bus import STREAM

PATIENCE = 120.0
QUIET = 5.0  # seconds in which nothing more came to the gate

OPEN = "select max(restored_at) from messaging.restores where reconciled_at is null"
UNPUBLISHED = "select " + " + ".join(
    f"(select count(*) from {service}.outbox where published_at is null)" for service in SERVICES
)
ARRIVED = "select count(*) from messaging.sends"

# A person's message that was written after the restore is no repetition.
REPEATS = "state = 'queued' and not (priority = 1 and queued_at > %(at)s)"
# Those with a message look like sends whose process died: messaging settles them, and tells everybody.
HELD = f"""
    update messaging.sends set state = 'dispatching', claimed_at = %(at)s - interval '1 day'
    where {REPEATS} and message_id is not null
"""
DROPPED = f"""
    update messaging.sends
    set state = 'dropped', error = 'restored', finished_at = clock_timestamp()
    where {REPEATS} and message_id is null
"""
RECIPIENTS = """
    with lost as (
        update campaigns.campaign_messages set status = 'unknown', error = 'restored'
        where status in ('pending', 'queued') returning campaign_id
    ), counted as (select campaign_id, count(*) as lost from lost group by campaign_id)
    update campaigns.campaigns as one set pending_count = 0, queued_count = 0,
        unknown_count = unknown_count + counted.lost, updated_at = clock_timestamp()
    from counted where one.id = counted.campaign_id
"""
# Whom they address is not known yet, or they should have begun: a person decides.
UNFROZEN = """
    update campaigns.campaigns set status = 'failed', failure_reason = 'The database was restored.'
    where status in ('sending', 'paused') and frozen_at is null
"""
OVERDUE = """
    update campaigns.campaigns set status = 'draft', scheduled_at = null
    where status = 'scheduled' and scheduled_at <= clock_timestamp()
"""
REMINDERS = """
    insert into campaigns.meeting_reminders
        (id, meeting_id, kind, scheduled_for, status, attempts, lease_until)
    select gen_random_uuid(), m.id, k.kind, m.scheduled_at, 'unknown', 0, clock_timestamp()
    from campaigns.meetings m, (values ('24h', interval '24 hours'), ('1h', interval '1 hour')) k(kind, ahead)
    where m.status in ('scheduled', 'confirmed') and m.scheduled_at - k.ahead <= %(at)s
    on conflict do nothing
"""
STEPS = {
    "messages held back": HELD,
    "drafts dropped": DROPPED,
    "campaigns whose recipients may have been reached": RECIPIENTS,
    "campaigns ended before they began": UNFROZEN,
    "campaigns that a person has to schedule anew": OVERDUE,
    "reminders taken as sent": REMINDERS,
}
DONE = "update messaging.restores set reconciled_at = clock_timestamp() where reconciled_at is null"


async def reconcile(place: Place, say: Callable[[str], None]) -> None:
    url = place.of("DATABASE_URL")
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        (restored,) = await (await connection.execute(OPEN)).fetchone() or (None,)
        if restored is None:
            raise Failed("The database was not restored, or it has been reconciled already.")
        await _replayed(place, connection)
        async with connection.transaction():
            for step, statement in STEPS.items():
                found = await connection.execute(statement, {"at": restored})
                say(f"{found.rowcount} {step}")
            await connection.execute(DONE)


@asynccontextmanager
async def _patiently() -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(PATIENCE):
            yield
    except TimeoutError:
        raise Failed(
            "Events are still being published or taken: are all services up? Try again then."
        ) from None


async def _replayed(place: Place, connection: psycopg.AsyncConnection) -> None:
    """Until every event has been published and taken, and nothing more comes to the gate."""
    quiet, before = 0.0, -1
    async with place.bus() as bus, _patiently():
        while quiet < QUIET:
            await asyncio.sleep(1)
            (unpublished,) = await (await connection.execute(UNPUBLISHED)).fetchone() or (1,)
            (arrived,) = await (await connection.execute(ARRIVED)).fetchone() or (0,)
            consumers = await bus.stream.consumers_info(STREAM)
            behind = sum((one.num_pending or 0) + (one.num_ack_pending or 0) for one in consumers)
            quiet = 0.0 if unpublished or behind or arrived != before else quiet + 1
            before = arrived
