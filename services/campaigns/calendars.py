"""A meeting as an iCalendar file, so that it shows in the attendees' own calendars."""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

from icalendar import Calendar, Event, vCalAddress, vText

from protos import campaigns_pb2 as pb
from services.campaigns import meetings, people
from services.campaigns.people import Person
from services.kit.actor import Actor
from services.kit.clock import now, parse
from services.kit.db import Database, Row

PRODUCT = "-//Convo Insight//Meetings//PT"
STATUS = {"scheduled": "TENTATIVE", "cancelled": "CANCELLED"}
ATTENDEES = "select user_id::text from meeting_attendees where meeting_id = %(id)s order by position, user_id"


async def export(
    db: Database, actor: Actor, request: pb.GetMeetingCalendarRequest
) -> AsyncIterator[pb.Document]:
    async with db.read() as session:
        meeting = await meetings.visible(session, actor, request.id)
        attending = [row.user_id for row in await session.all(ATTENDEES, id=request.id)]
    booked_by = meeting.created_by or next(iter(attending), None)  # where the AI agent did, who attends
    ids = [*attending, booked_by] if booked_by else attending
    team = {person.id: person for person in await people.among(ids)}
    yield pb.Document(
        content_type="text/calendar; charset=utf-8; method=" + _method(meeting),
        filename=f"meeting-{meeting.id}.ics",
        content=write(meeting, team.get(booked_by or ""), [team[id] for id in attending if id in team]),
    )


def write(meeting: Row, organizer: Person | None, attending: Sequence[Person]) -> bytes:
    """RFC 5545: a later version of the same meeting has the same UID and a higher SEQUENCE."""
    event = Event()
    event.add("uid", f"{meeting.id}@convo-insight")
    event.add("sequence", meeting.sequence)
    event.add("dtstamp", now())
    event.add("dtstart", parse(meeting.scheduled_at))
    event.add("dtend", parse(meeting.scheduled_at) + timedelta(minutes=meeting.duration))
    event.add("summary", meeting.title)
    event.add("status", STATUS.get(meeting.status, "CONFIRMED"))
    for name, value in (
        ("description", meeting.description),
        ("location", meeting.location),
        ("url", meeting.meeting_url),
    ):
        if value:
            event.add(name, value)
    if organizer:
        event["organizer"] = _address(organizer)
    for person in attending:
        event.add("attendee", _address(person), encode=False)
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("method", _method(meeting))
    calendar.add_component(event)
    return bytes(calendar.to_ical())


def _method(meeting: Row) -> str:
    return "CANCEL" if meeting.status == "cancelled" else "REQUEST"


def _address(person: Person) -> vCalAddress:
    address = vCalAddress(f"MAILTO:{person.email}")
    address.params["cn"] = vText(person.name)
    return address
