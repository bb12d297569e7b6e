"""Booking meetings: nobody is in two places at once, and who sees what."""

from collections import Counter
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from protos import identity_pb2, sales_pb2
from services.campaigns.booking import MeetingConflict
from services.kit import context
from services.kit.actor import Actor
from services.kit.clock import rfc3339
from services.kit.db import Database
from services.kit.errors import Invalid, Unavailable
from services.kit.tables import new_id
from tests.campaigns.agenda import cancel, listed
from tests.campaigns.colleagues import Sales
from tests.campaigns.messaging_server import INSTANCE, Chat, Gate
from tests.campaigns.world import announced, at_once, meeting, rows_of, soon, tell
from tests.support import ADMIN, INTELLIGENCE, JOAO, MARIA, SUPERVISOR

pytestmark = pytest.mark.usefixtures("team")


async def test_a_meeting_is_the_callers_own_unless_others_are_named(db: Database) -> None:
    start = soon(days=2)

    own = await meeting(db, MARIA, start, meeting_url="https://meet.empresa.com.br/x")
    shared = await meeting(
        db, MARIA, start + timedelta(hours=2), attendees=[JOAO.id, MARIA.id, JOAO.id], duration=30
    )

    assert ([*own.attendees], own.duration, own.meeting_type) == ([MARIA.id], 60, "video")
    assert own.ends_at == rfc3339(start + timedelta(hours=1))
    assert ([*shared.attendees], shared.status, shared.source) == ([JOAO.id, MARIA.id], "scheduled", "agent")
    assert await announced(db) == ["MeetingScheduled", "MeetingScheduled"]


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({}, "call"),
        ({"location": "Sala 2"}, "in_person"),
        ({"location": "Sala 2", "meeting_url": "https://meet.empresa.com.br/x"}, "video"),
        ({"location": "Sala 2", "meeting_type": "whatsapp"}, "whatsapp"),
    ],
)
async def test_the_kind_follows_from_the_place(db: Database, fields: dict[str, str], kind: str) -> None:
    assert (await meeting(db, MARIA, soon(days=1), **fields)).meeting_type == kind


async def test_a_meeting_may_have_begun_five_minutes_ago_but_not_ten(db: Database) -> None:
    await meeting(db, MARIA, soon(minutes=-4))

    with pytest.raises(Invalid) as refused:
        await meeting(db, MARIA, soon(minutes=-10))
    assert [*refused.value.fields] == ["scheduledAt"]


async def test_a_hundred_bookings_of_one_time_are_one_meeting(db: Database) -> None:
    start = soon(days=1)

    made = await at_once(
        *(
            meeting(db, MARIA, start + timedelta(minutes=n % 30), attendees=[MARIA.id, JOAO.id])
            for n in range(100)
        )
    )

    assert Counter(type(one).__name__ for one in made) == {"Meeting": 1, "MeetingConflict": 99}
    assert (await announced(db)).count("MeetingScheduled") == 1


async def test_bookings_that_cross_do_not_wait_for_each_other_for_ever(db: Database) -> None:
    start = soon(days=1)
    pairs = [[MARIA.id, JOAO.id], [JOAO.id, SUPERVISOR.id], [SUPERVISOR.id, MARIA.id]]

    made = await at_once(*(meeting(db, ADMIN, start, attendees=pairs[n % 3]) for n in range(60)))

    assert Counter(type(one).__name__ for one in made) == {"Meeting": 1, "MeetingConflict": 59}


async def test_the_database_itself_refuses_to_double_a_person(db: Database) -> None:
    start = soon(days=1)
    first = await meeting(db, MARIA, start)
    second = await meeting(db, MARIA, start + timedelta(hours=3))

    with pytest.raises(psycopg.errors.ExclusionViolation):
        async with db.begin() as session:
            await session.run(
                """update meeting_attendees set during =
                    (select during from meeting_attendees where meeting_id = %(first)s)
                where meeting_id = %(second)s""",
                first=first.id,
                second=second.id,
            )


async def test_meetings_that_touch_do_not_clash(db: Database) -> None:
    start = soon(days=1)

    await meeting(db, MARIA, start)
    await meeting(db, MARIA, start + timedelta(hours=1))
    await meeting(db, MARIA, start - timedelta(minutes=30), duration=30)

    with pytest.raises(MeetingConflict):
        await meeting(db, MARIA, start + timedelta(minutes=59), duration=5)


async def test_a_clash_is_named_and_what_with_only_to_those_who_may_see_it(db: Database) -> None:
    start = soon(days=1)
    secret = await meeting(db, JOAO, start, title="Particular")

    async def clash(actor: Actor) -> dict[str, Any]:
        with pytest.raises(MeetingConflict) as refused:
            await meeting(db, actor, start, attendees=[JOAO.id])
        conflicts: Any = refused.value.details["conflicts"]
        assert len(conflicts) == 1
        return dict(conflicts[0])

    told = await clash(MARIA)
    assert told == {
        "meetingId": secret.id,
        "title": None,
        "scheduledAt": secret.scheduled_at,
        "endsAt": secret.ends_at,
        "attendees": [JOAO.id],
    }
    assert (await clash(JOAO))["title"] == (await clash(SUPERVISOR))["title"] == "Particular"


async def test_who_insists_books_over_a_meeting_and_the_next_one_does_not(db: Database) -> None:
    start = soon(days=1)
    await meeting(db, MARIA, start)

    forced = await meeting(db, MARIA, start, force=True)
    await meeting(db, MARIA, start + timedelta(hours=5), force=True)

    with pytest.raises(MeetingConflict):
        await meeting(db, MARIA, start)
    await cancel(db, MARIA, forced.id)
    with pytest.raises(MeetingConflict):
        await meeting(db, MARIA, start)
    with pytest.raises(MeetingConflict):
        await meeting(db, MARIA, start + timedelta(hours=5))


async def test_a_cancelled_meeting_frees_its_time(db: Database) -> None:
    start = soon(days=1)
    first = await meeting(db, MARIA, start)

    await cancel(db, MARIA, first.id)

    assert (await meeting(db, MARIA, start)).status == "scheduled"


async def test_everybody_who_attends_works_here(db: Database) -> None:
    with pytest.raises(Invalid) as refused:
        await meeting(db, MARIA, soon(days=1), attendees=[MARIA.id, new_id()])

    assert [*refused.value.fields] == ["attendees"]


async def test_a_lead_brings_its_conversation_and_contact(db: Database, gate: Gate, sales: Sales) -> None:
    chat = gate.open(Chat())
    lead = sales.add(conversation_id=chat.id, contact_id=chat.contact_id)

    by_lead = await meeting(db, MARIA, soon(days=1), lead_id=lead.id)
    by_chat = await meeting(db, MARIA, soon(days=2), conversation_id=chat.id)
    by_contact = await meeting(db, MARIA, soon(days=3), contact_id=chat.contact_id)

    expected = (lead.id, chat.id, chat.contact_id)
    assert (by_lead.lead_id, by_lead.conversation_id, by_lead.contact_id) == expected
    assert (by_chat.conversation_id, by_chat.contact_id) == expected[1:]
    assert by_contact.contact_id == chat.contact_id
    rows = await rows_of(db, "select distinct instance_id from meetings")
    assert [row.instance_id for row in rows] == [INSTANCE]


@pytest.mark.parametrize(
    ("field", "culprit"),
    [("lead_id", "leadId"), ("contact_id", "contactId"), ("conversation_id", "conversationId")],
)
async def test_what_a_meeting_is_about_must_exist(db: Database, field: str, culprit: str) -> None:
    with pytest.raises(Invalid) as refused:
        await meeting(db, MARIA, soon(days=1), **{field: new_id()})

    assert [*refused.value.fields] == [culprit]


async def test_a_contact_is_that_of_the_conversation(db: Database, gate: Gate) -> None:
    chat = gate.open(Chat())

    with pytest.raises(Invalid) as refused:
        await meeting(db, MARIA, soon(days=1), conversation_id=chat.id, contact_id=new_id())

    assert [*refused.value.fields] == ["contactId"]


async def test_what_follows_from_a_lead_need_not_be_the_callers_to_see(
    db: Database, gate: Gate, sales: Sales
) -> None:
    chat = gate.open(Chat(is_hidden=True))
    lead = sales.add(conversation_id=chat.id)
    context.enter(context.Context(token="Bearer maria"))

    made = await meeting(db, MARIA, soon(days=1), lead_id=lead.id)

    assert (made.conversation_id, made.contact_id) == (chat.id, chat.contact_id)
    with pytest.raises(Invalid) as refused:
        await meeting(db, MARIA, soon(days=2), conversation_id=chat.id)
    assert [*refused.value.fields] == ["conversationId"]


async def test_without_sales_a_lead_cannot_be_checked(db: Database, sales: Sales) -> None:
    sales.away = True

    with pytest.raises(Unavailable):
        await meeting(db, MARIA, soon(days=1), lead_id=new_id())


async def test_whose_attendee_leaves_is_warned(db: Database) -> None:
    await meeting(db, MARIA, soon(days=1), attendees=[JOAO.id, SUPERVISOR.id])

    await tell(db, identity_pb2.UserDeactivated(user_id=JOAO.id), times=2)

    told = await rows_of(db, "select user_id, type from escalation_notifications")
    assert {(row.user_id, row.type) for row in told} == {
        (MARIA.id, "meeting_warning"),
        (SUPERVISOR.id, "meeting_warning"),
    }
    (found,) = (await listed(db, MARIA)).meetings
    assert [*found.attendees] == [JOAO.id, SUPERVISOR.id]


async def test_a_lead_that_is_deleted_leaves_its_meetings_behind(db: Database, sales: Sales) -> None:
    lead = sales.add()
    made = await meeting(db, MARIA, soon(days=1), lead_id=lead.id)

    await tell(db, sales_pb2.LeadDeleted(lead_id=lead.id))

    (found,) = (await listed(db, MARIA)).meetings
    assert (found.id, found.HasField("lead_id")) == (made.id, False)


async def test_services_book_for_others(db: Database) -> None:
    made = await meeting(db, INTELLIGENCE, soon(days=1), attendees=[MARIA.id])

    assert not made.HasField("created_by")
