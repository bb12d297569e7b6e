"""When there is time for a customer: the calendars of those who would come, and the workspace's rules."""

from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from protos import messaging_pb2 as messaging
from services.campaigns import booking, people, reminder_texts, workspace
from services.campaigns.scheduling import Scheduling, scheduling_for, windows_for
from services.campaigns.slots import Slot, Wishes, propose
from services.kit.clock import now, parse, rfc3339
from services.kit.db import Database, Row, Session

UPCOMING = """
    select *, array(
        select user_id::text from meeting_attendees where meeting_id = meetings.id order by position, user_id
    ) as attending
    from meetings where conversation_id = %(conversation)s and status in ('scheduled', 'confirmed')
        and scheduled_at > %(at)s
    order by scheduled_at limit 1
"""
UPCOMING_LOCKED = f"{UPCOMING} for update"


async def find(
    db: Database, intent: Row, conversation: messaging.Conversation
) -> tuple[Scheduling, list[dict[str, Any]]]:
    """The rules that hold for this customer, and the times as they are offered."""
    zone = await workspace.zone()
    candidates = await _candidates(conversation.assigned_to)
    sector = conversation.sector_id or None
    async with db.read() as session:
        rules = await scheduling_for(session, sector)
        windows = await windows_for(session, sector)
        existing = await _to_move(session, intent, UPCOMING)
        attending = existing.attending if existing else []
        terms = rules.terms(intent.duration_requested or (existing.duration if existing else None))
        until = now() + terms.max_advance + timedelta(days=1)
        taken = await booking.busy(session, attending or candidates, now() - timedelta(days=1), until)
    busy = {one: [(parse(start), parse(end)) for start, end in times] for one, times in taken.items()}
    wishes = Wishes([date.fromisoformat(day) for day in intent.preferred_dates], intent.time_preference)
    slots = propose(now(), zone, terms, windows, busy, wishes, needed=len(attending) or 1)
    return rules, [_written(slot, zone) for slot in slots]


async def to_move_locked(session: Session, intent: Row) -> Row | None:
    return await _to_move(session, intent, UPCOMING_LOCKED)


async def _to_move(session: Session, intent: Row, finding: str) -> Row | None:
    """The meeting that the customer wants at another time: it keeps its people and its length."""
    if intent.intent_type != "reschedule":
        return None
    return await session.first(finding, conversation=intent.conversation_id, at=now())


async def _candidates(assignee: str) -> list[str]:
    """Whoever attends to the customer; otherwise any agent, or anybody where there are no agents."""
    team = await people.eligible()
    ids = [person.id for person in team]
    if assignee in ids:
        return [assignee]
    return [person.id for person in team if person.role == "agent"] or ids


def _written(slot: Slot, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "startsAt": rfc3339(slot.start),
        "endsAt": rfc3339(slot.end),
        "label": reminder_texts.label(slot.start, zone),
        "people": slot.people,
    }
