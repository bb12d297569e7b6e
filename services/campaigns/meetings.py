"""Meetings: booking them, the agenda, and who sees what."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, func, insert, or_, select, true

from protos import campaigns_pb2 as pb
from protos import sales_pb2
from services.campaigns import booking, links, lists, people
from services.campaigns.links import Links
from services.campaigns.meeting_models import Attendee, Meeting
from services.kit import days, pages
from services.kit.actor import Actor
from services.kit.clock import now, parse
from services.kit.db import Database, Row, Session
from services.kit.errors import Conflict, Invalid, NotFound
from services.kit.outbox import emit
from services.kit.tables import new_id


class MeetingNotFound(NotFound):
    """Meeting not found"""


class MeetingStatus(Conflict):
    """The meeting is not in a state that allows this."""

    code = "invalid_state"


LATE = timedelta(minutes=5)
DEFAULT_DURATION = 60
BLOCKING = ("scheduled", "confirmed")
TRANSITIONS = {
    "scheduled": {"confirmed", "completed", "cancelled", "no_show"},
    "confirmed": {"scheduled", "completed", "cancelled", "no_show"},
    "no_show": {"completed", "scheduled"},
}
COMPUTED = ("attendees", "reminder_sent", "reminder_sent_at", "reminders")
PLAIN = [field.name for field in pb.Meeting.DESCRIPTOR.fields if field.name not in COMPUTED]
COLUMNS = Meeting.__table__.c

# The reminders of its present time, and the attendees in the order in which they were named.
DETAILS = """
    select meetings.id,
        array(
            select user_id::text from meeting_attendees
            where meeting_id = meetings.id order by position, user_id
        ) as attendees,
        (select sent_at from meeting_reminders where meeting_id = meetings.id and kind = '1h'
            and scheduled_for = scheduled_at and status = 'sent') as h1,
        (select sent_at from meeting_reminders where meeting_id = meetings.id and kind = '24h'
            and scheduled_for = scheduled_at and status = 'sent') as h24
    from meetings where id = any(%(ids)s::uuid[])
"""
LOCK = "select * from meetings where id = %(id)s for update"
FORGET_LEAD = "update meetings set lead_id = null where lead_id = %(lead)s"


async def schedule(db: Database, actor: Actor, request: pb.ScheduleMeetingRequest) -> pb.MeetingResponse:
    refuse_past(request.scheduled_at)
    attending = [*dict.fromkeys(request.attendees)] or ([] if actor.is_service else [actor.id])
    await refuse_strangers(attending)
    about = await links.resolved(
        request.lead_id or None, request.contact_id or None, request.conversation_id or None
    )
    kind = "video" if request.meeting_url else "in_person" if request.location else "call"
    values = {
        "title": request.title,
        "scheduled_at": request.scheduled_at,
        "duration": request.duration or DEFAULT_DURATION,
        "description": request.description or None,
        "location": request.location or None,
        "meeting_url": request.meeting_url or None,
        "meeting_type": request.meeting_type or kind,
        "notes": request.notes or None,
        "created_by": actor.id or None,
    }
    async with db.begin() as session:
        id = await write(session, actor, values, about, attending, force=request.force)
        return pb.MeetingResponse(success=True, meeting=await details(session, id))


async def forget_lead(session: Session, event: sales_pb2.LeadDeleted) -> None:
    """The meeting takes place all the same."""
    await session.run(FORGET_LEAD, lead=event.lead_id)


async def list_meetings(
    session: Session, actor: Actor, request: pb.ListMeetingsRequest
) -> pb.ListMeetingsResponse:
    if request.from_time and request.to_time and parse(request.from_time) >= days.end(request.to_time, "to"):
        raise Invalid("from must not be later than to", fields={"from": "is later than to"})
    sort = request.sort or "scheduledAt"
    name = {"scheduledAt": "scheduled_at", "createdAt": "created_at"}[sort.removeprefix("-")]
    rows, pagination = await lists.read(
        session,
        _filtered(select(*COLUMNS).where(visible_to(actor)), actor, request),
        pages.read(request),
        (COLUMNS[name], COLUMNS.id),
        lambda row: (getattr(row, name), row.id),
        descending=sort.startswith("-"),
    )
    upcoming = select(func.count()).where(
        COLUMNS.status.in_(BLOCKING), COLUMNS.scheduled_at >= now(), visible_to(actor)
    )
    return pb.ListMeetingsResponse(
        meetings=await shown(session, rows),
        pagination=pagination,
        upcoming_count=await session.scalar(upcoming),
    )


async def get(session: Session, actor: Actor, request: pb.GetMeetingRequest) -> pb.GetMeetingResponse:
    row = await visible(session, actor, request.id)
    return pb.GetMeetingResponse(meeting=(await shown(session, [row]))[0])


def visible_to(actor: Actor) -> ColumnElement[bool]:
    """An agent sees the meetings that she made or attends."""
    if actor.leads:
        return true()
    attended = select(Attendee.meeting_id).where(Attendee.user_id == actor.id)
    return or_(COLUMNS.created_by == actor.id, COLUMNS.id.in_(attended))


async def visible(session: Session, actor: Actor, id: str) -> Row:
    row = await session.first(select(*COLUMNS).where(COLUMNS.id == id, visible_to(actor)))
    if row is None:
        raise MeetingNotFound
    return row


async def locked(session: Session, id: str) -> Row:
    row = await session.first(LOCK, id=id)
    if row is None:
        raise MeetingNotFound
    return row


async def write(
    session: Session,
    actor: Actor,
    values: dict[str, Any],
    about: Links,
    attending: Sequence[str],
    *,
    force: bool,
) -> str:
    """The meeting and everybody's calendar, or nothing."""
    start = parse(values["scheduled_at"])
    end = start + timedelta(minutes=values["duration"])
    row = {**values, **vars(about), "id": new_id(), "ends_at": end, "booked_at": now(), "status": "scheduled"}
    await session.run(insert(Meeting).values(row))
    await booking.book(session, actor, row["id"], attending, start, end, force=force)
    await emit(
        session,
        pb.MeetingScheduled(
            meeting_id=row["id"],
            lead_id=about.lead_id,
            contact_id=about.contact_id,
            conversation_id=about.conversation_id,
            title=values["title"],
            scheduled_at=values["scheduled_at"],
            by=values.get("created_by"),
            duration=values["duration"],
            attendees=attending,
            source=values.get("source", "agent"),
        ),
    )
    return str(row["id"])


async def details(session: Session, id: str) -> pb.Meeting:
    row = await session.first(select(*COLUMNS).where(COLUMNS.id == id))
    return (await shown(session, [row]))[0]


async def shown(session: Session, rows: Sequence[Row]) -> list[pb.Meeting]:
    found = {one.id: one for one in await session.all(DETAILS, ids=[row.id for row in rows])}
    return [_message(row, found[row.id]) for row in rows]


def refuse_past(scheduled_at: str) -> None:
    if parse(scheduled_at) < now() - LATE:
        raise Invalid("scheduledAt must be in the future", fields={"scheduledAt": "is in the past"})


async def refuse_strangers(attending: Sequence[str]) -> None:
    known = {person.id for person in await people.eligible_among(attending)}
    if unknown := [id for id in attending if id not in known]:
        raise Invalid(
            "Every attendee must be an active user", fields={"attendees": f"does not hold {unknown[0]}"}
        )


def _message(row: Row, found: Row) -> pb.Meeting:
    return pb.Meeting(
        **{name: getattr(row, name) for name in PLAIN},
        attendees=found.attendees,
        reminder_sent=found.h1 is not None,
        reminder_sent_at=found.h1,
        reminders=pb.Reminders(h24=found.h24 is not None, h1=found.h1 is not None),
    )


def _filtered(statement: Select[Any], actor: Actor, request: pb.ListMeetingsRequest) -> Select[Any]:
    if request.status:
        statement = statement.where(COLUMNS.status.in_(request.status))
    if request.from_time:
        statement = statement.where(COLUMNS.scheduled_at >= parse(request.from_time))
    if request.to_time:
        statement = statement.where(COLUMNS.scheduled_at < days.end(request.to_time, "to"))
    for name in links.NAMES:
        if wanted := getattr(request, name):
            statement = statement.where(COLUMNS[name] == wanted)
    if request.attendee_id:
        attendee = actor.id if request.attendee_id == "me" else request.attendee_id
        attended = select(Attendee.meeting_id).where(Attendee.user_id == attendee)
        statement = statement.where(COLUMNS.id.in_(attended))
    return statement
