"""Meetings as they are listed, and as a calendar takes them in."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from protos import campaigns_pb2 as pb
from services.campaigns import calendars, meetings
from services.campaigns.meetings import MeetingNotFound
from services.kit.db import Database
from services.kit.errors import Invalid
from services.kit.tables import new_id
from tests.campaigns.agenda import cancel, change, listed
from tests.campaigns.messaging_server import Chat, Gate
from tests.campaigns.world import meeting, soon
from tests.support import INTELLIGENCE, JOAO, MARIA, SUPERVISOR

pytestmark = pytest.mark.usefixtures("team")


async def test_agents_see_what_they_made_or_attend(db: Database) -> None:
    start = soon(days=1)
    made = await meeting(db, MARIA, start, attendees=[JOAO.id])
    attended = await meeting(db, SUPERVISOR, start + timedelta(hours=2), attendees=[MARIA.id, SUPERVISOR.id])
    other = await meeting(db, SUPERVISOR, start + timedelta(hours=4))

    seen = await listed(db, MARIA)
    assert [one.id for one in seen.meetings] == [made.id, attended.id]
    assert seen.upcoming_count == 2
    assert len((await listed(db, SUPERVISOR)).meetings) == 3
    async with db.read() as session:
        with pytest.raises(MeetingNotFound):
            await meetings.get(session, MARIA, pb.GetMeetingRequest(id=other.id))
    with pytest.raises(MeetingNotFound):
        await change(db, MARIA, other.id, title="Meu")
    with pytest.raises(MeetingNotFound):
        await cancel(db, MARIA, other.id)
    with pytest.raises(MeetingNotFound):
        await cancel(db, MARIA, new_id())
    with pytest.raises(MeetingNotFound):
        [part async for part in calendars.export(db, MARIA, pb.GetMeetingCalendarRequest(id=other.id))]


async def test_the_agenda_is_filtered_sorted_and_paged(db: Database, gate: Gate) -> None:
    chat = gate.open(Chat())
    start = soon(days=1)
    one = await meeting(db, MARIA, start, conversation_id=chat.id)
    two = await meeting(db, MARIA, start + timedelta(days=1), attendees=[JOAO.id])
    three = await meeting(db, MARIA, start + timedelta(days=2))
    await change(db, MARIA, three.id, status="confirmed")

    async def ids(**fields: Any) -> list[str]:
        return [found.id for found in (await listed(db, SUPERVISOR, **fields)).meetings]

    assert await ids() == [one.id, two.id, three.id]
    assert await ids(sort="-scheduledAt", limit=1) == [three.id]
    assert await ids(sort="createdAt", page=2, limit=2) == [three.id]
    assert await ids(status=["confirmed", "no_show"]) == [three.id]
    assert await ids(from_time=two.scheduled_at, to_time=two.scheduled_at) == [two.id]
    assert await ids(conversation_id=chat.id) == await ids(contact_id=chat.contact_id) == [one.id]
    assert await ids(attendee_id=JOAO.id) == [two.id]
    assert [found.id for found in (await listed(db, JOAO, attendee_id="me")).meetings] == [two.id]
    page = await listed(db, SUPERVISOR, limit=2)
    assert await ids(cursor=page.pagination.next_cursor) == [three.id]
    with pytest.raises(Invalid):
        await listed(db, SUPERVISOR, from_time=two.scheduled_at, to_time=one.scheduled_at)


async def test_a_last_day_is_listed_as_a_whole(db: Database) -> None:
    late = await meeting(db, MARIA, datetime.fromisoformat("2031-03-10T23:30:00-03:00"))
    await meeting(db, MARIA, datetime.fromisoformat("2031-03-11T00:30:00-03:00"))
    first_moment = "2031-03-10T03:00:00.000Z"  # what the gateway makes of 2031-03-10

    listing = await listed(db, MARIA, from_time=first_moment, to_time="2031-03-10")

    assert [one.id for one in listing.meetings] == [late.id]
    assert not (await listed(db, MARIA, to_time="2031-03-10T12:00:00-03:00")).meetings
    with pytest.raises(Invalid) as refused:
        await listed(db, MARIA, to_time="amanhã")
    assert [*refused.value.fields] == ["to"]


async def test_the_file_shows_the_meeting_in_any_calendar(db: Database) -> None:
    start = datetime.fromisoformat("2031-03-10T14:00:00-03:00")
    made = await meeting(db, MARIA, start, attendees=[MARIA.id, JOAO.id], location="Sala 2; térreo")

    async def exported() -> tuple[pb.Document, str]:
        (part,) = [one async for one in calendars.export(db, MARIA, pb.GetMeetingCalendarRequest(id=made.id))]
        return part, part.content.decode().replace("\r\n ", "")

    part, text = await exported()
    assert part.filename == f"meeting-{made.id}.ics"
    for line in (
        "METHOD:REQUEST",
        f"UID:{made.id}@convo-insight",
        "SEQUENCE:0",
        "DTSTART:20310310T170000Z",
        "DTEND:20310310T180000Z",
        "SUMMARY:Proposta",
        "LOCATION:Sala 2\\; térreo",
        "STATUS:TENTATIVE",
    ):
        assert line in text.splitlines(), line
    assert text.count("MAILTO:pessoa") == 3
    await cancel(db, MARIA, made.id)
    part, text = await exported()
    assert "method=CANCEL" in part.content_type
    assert {"METHOD:CANCEL", "SEQUENCE:1", "STATUS:CANCELLED"} <= {*text.splitlines()}


async def test_a_meeting_that_nobody_booked_is_organized_by_who_attends(db: Database) -> None:
    made = await meeting(db, INTELLIGENCE, soon(days=1), attendees=[JOAO.id, MARIA.id])

    (part,) = [one async for one in calendars.export(db, JOAO, pb.GetMeetingCalendarRequest(id=made.id))]

    (line,) = [line for line in part.content.decode().splitlines() if line.startswith("ORGANIZER")]
    assert "Pessoa 1" in line
