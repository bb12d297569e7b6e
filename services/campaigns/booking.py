"""The calendar of each person: one meeting at a time, unless somebody insists."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from services.kit.actor import Actor
from services.kit.db import Row, Session
from services.kit.errors import Conflict


class MeetingConflict(Conflict):
    """An attendee has another meeting at this time."""

    code = "meeting_conflict"


MOST_SHOWN = 20

# Bookings of one person wait for each other: check and write are one step. Sorted, so that they never cross.
LOCK = """
    select pg_advisory_xact_lock(hashtextextended('calendar:' || person, 0))
    from unnest(%(people)s::text[]) as person
"""
CLASHES = """
    select meetings.id, title, scheduled_at, ends_at, created_by,
        array_agg(user_id::text order by user_id) as people,
        exists (
            select from meeting_attendees as mine
            where mine.meeting_id = meetings.id and mine.user_id = %(me)s
        ) as attending
    from meeting_attendees join meetings on meetings.id = meeting_id
    where user_id = any(%(people)s::uuid[]) and blocking and meeting_id <> %(meeting)s
        and during && tstzrange(%(start)s, %(end)s)
    group by meetings.id order by scheduled_at limit %(limit)s
"""
WRITE = """
    insert into meeting_attendees (meeting_id, user_id, position, during, blocking, forced)
    select %(meeting)s, user_id, position, tstzrange(%(start)s, %(end)s), %(blocking)s, %(forced)s
    from unnest(%(people)s::uuid[]) with ordinality as attending (user_id, position)
    order by user_id
"""
CLEAR = "delete from meeting_attendees where meeting_id = %(meeting)s"
FREE = """
    update meeting_attendees set blocking = false where meeting_id = %(meeting)s returning user_id::text
"""
BUSY = """
    select user_id::text, lower(during) as starts_at, upper(during) as ends_at from meeting_attendees
    where user_id = any(%(people)s::uuid[]) and blocking and during && tstzrange(%(start)s, %(end)s)
"""


async def book(
    session: Session,
    actor: Actor,
    meeting_id: str,
    people: Sequence[str],
    start: datetime,
    end: datetime,
    *,
    force: bool,
) -> None:
    """Take this stretch of everybody's calendar for the meeting, instead of what it had before."""
    await session.run(LOCK, people=sorted(people))
    if not force:
        await _refuse_clashes(session, actor, meeting_id, people, start, end)
    await session.run(CLEAR, meeting=meeting_id)
    await session.run(
        WRITE, meeting=meeting_id, people=[*people], start=start, end=end, blocking=True, forced=force
    )


async def first_free(session: Session, people: Sequence[str], start: datetime, end: datetime) -> str | None:
    """The first of these who has time, and keeps it until this transaction ends."""
    await session.run(LOCK, people=sorted(people))
    taken = await busy(session, people, start, end)
    return next((person for person in people if not taken[person]), None)


async def release(session: Session, meeting_id: str) -> list[str]:
    """The meeting does not take place, or has. Whose time it was."""
    return [row.user_id for row in await session.all(FREE, meeting=meeting_id)]


async def busy(
    session: Session, people: Sequence[str], start: datetime, end: datetime
) -> dict[str, list[tuple[str, str]]]:
    """When these people are taken."""
    taken: dict[str, list[tuple[str, str]]] = {person: [] for person in people}
    for row in await session.all(BUSY, people=[*people], start=start, end=end):
        taken[row.user_id].append((row.starts_at, row.ends_at))
    return taken


async def _refuse_clashes(
    session: Session, actor: Actor, meeting_id: str, people: Sequence[str], start: datetime, end: datetime
) -> None:
    clashes = await session.all(
        CLASHES,
        meeting=meeting_id,
        people=[*people],
        start=start,
        end=end,
        me=actor.id or None,
        limit=MOST_SHOWN,
    )
    if clashes:
        raise MeetingConflict(details={"conflicts": [_clash(actor, row) for row in clashes]})


def _clash(actor: Actor, row: Row) -> dict[str, Any]:
    """Who is taken when; what with, only for those who may see that meeting."""
    visible = actor.leads or row.attending or row.created_by == actor.id
    return {
        "meetingId": row.id,
        "title": row.title if visible else None,
        "scheduledAt": row.scheduled_at,
        "endsAt": row.ends_at,
        "attendees": row.people,
    }
