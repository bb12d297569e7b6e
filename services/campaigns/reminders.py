"""Reminders a day and an hour before a meeting, and what became of those who did not come.

A reminder is a row, unique for the meeting, the kind and the meeting's time: to insert it is to claim it.
Messaging sends what carries its key once, so a run that was cut off may be repeated.
"""

from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

from protos import campaigns_pb2 as pb
from protos import messaging_pb2 as messaging
from services.campaigns import booking, intents, notifications, peers, reminder_texts, workspace
from services.campaigns.scheduling import Scheduling, scheduling_for
from services.kit.actor import Actor
from services.kit.clock import now, parse
from services.kit.db import Database, Row, Session
from services.kit.errors import DeadlineExceeded, Refusal, TooMany, Unavailable
from services.kit.log import log
from services.kit.outbox import emit

BATCH = 100
MOST_ATTEMPTS = 3
LEASE = timedelta(minutes=2)
DAY, HOUR = timedelta(hours=24), timedelta(hours=1)
NO_SHOW_AFTER = timedelta(minutes=30)

# A day before: not for who booked within that day. An hour before: for everybody.
CLAIM = """
    insert into meeting_reminders (id, meeting_id, kind, scheduled_for, status, attempts, lease_until)
    select gen_random_uuid(), id, %(kind)s, scheduled_at, 'claimed', 1, %(lease)s from meetings
    where status in ('scheduled', 'confirmed') and scheduled_at > %(after)s and scheduled_at <= %(until)s
        and (%(kind)s = '1h' or booked_at <= scheduled_at - interval '24 hours')
        and not exists (
            select from meeting_reminders as sent
            where sent.meeting_id = meetings.id and sent.kind = %(kind)s and sent.scheduled_for = scheduled_at
        )
    order by scheduled_at, id limit %(limit)s
    on conflict (meeting_id, kind, scheduled_for) do nothing
    returning id
"""
CLAIM_AGAIN = """
    update meeting_reminders set attempts = attempts + 1, lease_until = %(lease)s where id in (
        select id from meeting_reminders
        where status = 'claimed' and lease_until <= %(at)s and attempts < %(most)s
        order by lease_until limit %(limit)s for update skip locked
    ) returning id
"""
GIVE_UP = """
    update meeting_reminders set status = 'failed', error = coalesce(error, 'gave_up')
    where status = 'claimed' and lease_until <= %(at)s and attempts >= %(most)s returning id
"""
CLAIMED = """
    select one.id, one.kind, one.scheduled_for, meeting_id, title, lead_id, conversation_id, contact_id,
        instance_id, sector_id, meeting_url,
        scheduled_for = scheduled_at and meetings.status in ('scheduled', 'confirmed') as holds,
        array(select user_id::text from meeting_attendees where meeting_id = meetings.id) as attendees
    from meeting_reminders as one join meetings on meetings.id = meeting_id
    where one.id = any(%(ids)s::uuid[]) order by scheduled_for
"""
DONE = """
    update meeting_reminders set status = 'sent', sent_at = %(at)s, error = null
    where id = %(id)s and status = 'claimed' returning id
"""
FAILED = """
    update meeting_reminders set status = 'failed', error = %(error)s where id = %(id)s and status = 'claimed'
"""
LATER = """
    update meeting_reminders set lease_until = %(at)s, error = %(error)s
    where id = %(id)s and status = 'claimed'
"""
OUTCOME = """
    update meeting_reminders set status = %(status)s, error = %(error)s
    where id = %(id)s and status in ('claimed', 'sent', 'unknown')
"""
NO_SHOWS = """
    update meetings set status = 'no_show', updated_at = %(at)s where id in (
        select id from meetings
        where status in ('scheduled', 'confirmed') and scheduled_at < %(before)s and ends_at < %(before)s
            and not kept_open
        order by scheduled_at limit %(limit)s for update skip locked
    ) returning *
"""


@dataclass
class Done:
    """What one run did itself; runs at the same time share the work and do not count it twice."""

    day: int = 0
    hour: int = 0
    no_shows: int = 0
    expired: int = 0
    failed: int = 0


async def process(
    db: Database, actor: Actor, request: pb.ProcessRemindersRequest
) -> pb.ProcessRemindersResponse:
    done = await process_due(db)
    return pb.ProcessRemindersResponse(
        success=True,
        reminders_sent=done.day + done.hour,
        processed=pb.ProcessedReminders(
            reminders24h=done.day,
            reminders1h=done.hour,
            no_shows=done.no_shows,
            expired_intents=done.expired,
            failed=done.failed,
        ),
    )


async def process_due(db: Database) -> Done:
    done = Done()
    async with db.begin() as session:
        done.failed += len(await session.all(GIVE_UP, at=now(), most=MOST_ATTEMPTS))
        again = await session.all(CLAIM_AGAIN, at=now(), lease=now() + LEASE, most=MOST_ATTEMPTS, limit=BATCH)
    await _remind_all(db, [row.id for row in again], done)
    while claimed := await _claim(db, "1h", timedelta(), HOUR):
        await _remind_all(db, claimed, done)
    while claimed := await _claim(db, "24h", HOUR, DAY):
        await _remind_all(db, claimed, done)
    while missed := await _mark_no_shows(db):
        done.no_shows += missed
    done.expired = await intents.expire(db)
    return done


async def record(session: Session, event: messaging.MessageStatusChanged) -> None:
    """A reminder that WhatsApp did not take after all."""
    if event.status in ("failed", "unknown", "sent", "delivered", "read"):
        status = event.status if event.status in ("failed", "unknown") else "sent"
        id = event.correlation_id.partition(":")[2]
        await session.run(OUTCOME, id=id, status=status, error=event.error or None)


async def _claim(db: Database, kind: str, after: timedelta, until: timedelta) -> list[str]:
    async with db.begin() as session:
        rows = await session.all(
            CLAIM, kind=kind, after=now() + after, until=now() + until, lease=now() + LEASE, limit=BATCH
        )
    return [row.id for row in rows]


async def _remind_all(db: Database, ids: list[str], done: Done) -> None:
    if not ids:
        return
    zone = await workspace.zone()
    async with db.read() as session:
        claimed = await session.all(CLAIMED, ids=ids)
    for reminder in claimed:
        async with db.read() as session:
            rules = await scheduling_for(session, reminder.sector_id)
        await _remind(db, reminder, rules, zone, done)


async def _remind(db: Database, reminder: Row, rules: Scheduling, zone: ZoneInfo, done: Done) -> None:
    enabled = rules.reminder24h_enabled if reminder.kind == "24h" else rules.reminder1h_enabled
    if not reminder.holds or not enabled:
        await _settle(db, FAILED, reminder.id, "switched_off" if reminder.holds else "meeting_changed")
        return
    own = rules.reminder24h_text if reminder.kind == "24h" else rules.reminder1h_text
    try:
        refused = await _deliver(reminder, own, zone)
    except (Unavailable, DeadlineExceeded, TooMany) as refusal:
        await _settle(db, LATER, reminder.id, refusal.name)
        return
    except Refusal as refusal:
        refused = refusal.name
    if refused:
        log.warning("reminder_failed", reminder_id=reminder.id, reason=refused)
        await _settle(db, FAILED, reminder.id, refused)
        done.failed += 1
    elif await _finish(db, reminder):
        done.day += reminder.kind == "24h"
        done.hour += reminder.kind == "1h"


async def _deliver(reminder: Row, own: str | None, zone: ZoneInfo) -> str | None:
    """Why the customer does not get it, or None. Without a contact there is nobody to write to."""
    if not reminder.conversation_id and not (reminder.contact_id and reminder.instance_id):
        return None
    moment = parse(reminder.scheduled_for)
    reply = await peers.messaging.Deliver(
        messaging.DeliverRequest(
            conversation_id=reminder.conversation_id or "",
            instance_id=reminder.instance_id or "",
            contact_id=reminder.contact_id or "",
            content=reminder_texts.reminder(
                reminder.kind, own, reminder.title, moment, zone, reminder.meeting_url
            ),
            message_type="text",
            origin="reminder",
            key=f"reminder:{reminder.id}",
            correlation_id=f"reminder:{reminder.id}",
        )
    )
    return None if reply.accepted else reply.reason or "refused"


async def _finish(db: Database, reminder: Row) -> bool:
    """Sent; and an hour before, or where there is no contact, the attendees are told as well."""
    async with db.begin() as session:
        if await session.first(DONE, id=reminder.id, at=now()) is None:
            return False
        if reminder.kind == "1h" or not reminder.contact_id:
            await notifications.tell_of_meeting(
                session,
                reminder.attendees,
                "meeting_reminder",
                reminder.meeting_id,
                {
                    "kind": reminder.kind,
                    "title": reminder.title,
                    "scheduledAt": reminder.scheduled_for,
                },
            )
        await emit(
            session,
            pb.MeetingReminderSent(
                meeting_id=reminder.meeting_id,
                kind=reminder.kind,
                conversation_id=reminder.conversation_id,
                lead_id=reminder.lead_id,
                title=reminder.title,
                attendees=reminder.attendees,
            ),
        )
    return True


async def _settle(db: Database, statement: str, id: str, error: str) -> None:
    async with db.begin() as session:
        await session.run(statement, id=id, error=error, at=now())


async def _mark_no_shows(db: Database) -> int:
    async with db.begin() as session:
        missed = await session.all(NO_SHOWS, at=now(), before=now() - NO_SHOW_AFTER, limit=BATCH)
        for meeting in missed:
            attended = await booking.release(session, meeting.id)
            await emit(
                session,
                pb.MeetingNoShow(
                    meeting_id=meeting.id,
                    lead_id=meeting.lead_id,
                    contact_id=meeting.contact_id,
                    conversation_id=meeting.conversation_id,
                    title=meeting.title,
                    scheduled_at=meeting.scheduled_at,
                    attendees=attended,
                ),
            )
    return len(missed)
