"""Reminders: each once, whoever ticks and however often a meeting is moved; and who did not come."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from protos import campaigns_pb2 as pb
from protos import messaging_pb2 as messaging
from services.campaigns import meeting_changes, meetings, reminder_texts, reminders, scheduling, workspace
from services.campaigns.reminders import Done
from services.kit.clock import now, rfc3339
from services.kit.db import Database
from tests.campaigns.colleagues import Identity, Sales
from tests.campaigns.messaging_server import Chat, Gate, Trouble
from tests.campaigns.world import at_once, meeting, rows_of, soon, tell, told
from tests.support import JOAO, MARIA, SUPERVISOR

Put = Callable[[datetime], None]


@pytest.fixture(autouse=True)
def _team(identity: Identity) -> None:
    for actor in (MARIA, JOAO):
        identity.add(id=actor.id)


async def tick(db: Database, times: int = 1) -> Done:
    """What so many ticks at once did together."""
    done = Done()
    for one in await at_once(*(reminders.process_due(db) for _ in range(times))):
        assert isinstance(one, Done), one
        for name, value in vars(one).items():
            setattr(done, name, getattr(done, name) + value)
    return done


async def shown(db: Database, id: str) -> pb.Meeting:
    async with db.read() as session:
        return (await meetings.get(session, SUPERVISOR, pb.GetMeetingRequest(id=id))).meeting


async def test_ten_ticks_remind_once_a_day_before_and_once_an_hour_before(
    db: Database, gate: Gate, sales: Sales, set_clock: Put
) -> None:
    chat = gate.open(Chat())
    lead = sales.add(conversation_id=chat.id)
    start = soon(days=3)
    made = await meeting(db, MARIA, start, lead_id=lead.id)

    assert await tick(db, 10) == Done()
    set_clock(start - timedelta(hours=23))
    assert await tick(db, 10) == Done(day=1)
    set_clock(start - timedelta(minutes=59))
    assert await tick(db, 10) == Done(hour=1)
    set_clock(start - timedelta(minutes=1))
    assert await tick(db, 10) == Done()

    assert len(gate.delivered) == 2
    assert {message.origin for message in gate.delivered} == {"reminder"}
    found = await shown(db, made.id)
    assert found.reminders == pb.Reminders(h24=True, h1=True)
    assert found.reminder_sent
    assert found.reminder_sent_at
    events = await told(db, pb.MeetingReminderSent)
    assert [(event.kind, event.lead_id, event.title, *event.attendees) for event in events] == [
        ("24h", lead.id, "Proposta", MARIA.id),
        ("1h", lead.id, "Proposta", MARIA.id),
    ]


async def test_attendees_are_told_an_hour_before(db: Database, gate: Gate, set_clock: Put) -> None:
    chat = gate.open(Chat())
    start = soon(days=3)
    await meeting(db, MARIA, start, conversation_id=chat.id, attendees=[MARIA.id, JOAO.id])

    set_clock(start - timedelta(hours=20))
    await tick(db)
    assert await rows_of(db, "select id from escalation_notifications") == []
    set_clock(start - timedelta(minutes=30))
    await tick(db)

    rows = await rows_of(db, "select user_id from escalation_notifications where type = 'meeting_reminder'")
    assert {row.user_id for row in rows} == {MARIA.id, JOAO.id}


async def test_without_a_contact_only_the_attendees_are_told(
    db: Database, gate: Gate, set_clock: Put
) -> None:
    start = soon(days=3)
    await meeting(db, MARIA, start)

    set_clock(start - timedelta(hours=20))
    done = await tick(db)

    assert done.day == 1
    assert not gate.delivered
    assert len(await rows_of(db, "select id from escalation_notifications")) == 1


async def test_who_booked_within_the_day_is_reminded_an_hour_before_only(
    db: Database, gate: Gate, set_clock: Put
) -> None:
    chat = gate.open(Chat())
    start = soon(hours=20)
    await meeting(db, MARIA, start, conversation_id=chat.id)

    assert await tick(db) == Done()
    set_clock(start - timedelta(minutes=60))
    assert await tick(db) == Done(hour=1)


async def test_a_meeting_that_is_moved_is_reminded_of_again(db: Database, gate: Gate, set_clock: Put) -> None:
    chat = gate.open(Chat())
    start = soon(days=3)
    made = await meeting(db, MARIA, start, conversation_id=chat.id)
    set_clock(start - timedelta(minutes=30))
    await tick(db, 3)

    later = start + timedelta(days=3)
    await meeting_changes.change(db, MARIA, pb.UpdateMeetingRequest(id=made.id, scheduled_at=rfc3339(later)))
    assert not (await shown(db, made.id)).reminder_sent
    set_clock(later - timedelta(minutes=30))
    await tick(db, 3)

    assert len(gate.delivered) == 2
    assert (await shown(db, made.id)).reminder_sent


@pytest.mark.parametrize("status", ["completed", "cancelled"])
async def test_what_has_ended_needs_no_reminder(
    db: Database, gate: Gate, set_clock: Put, status: str
) -> None:
    chat = gate.open(Chat())
    start = soon(days=3)
    made = await meeting(db, MARIA, start, conversation_id=chat.id)
    await meeting_changes.change(db, MARIA, pb.UpdateMeetingRequest(id=made.id, status=status))

    set_clock(start - timedelta(minutes=30))

    assert await tick(db) == Done()


async def test_while_messaging_is_away_the_next_tick_tries_again_and_the_third_gives_up(
    db: Database, gate: Gate, set_clock: Put
) -> None:
    chat = gate.open(Chat())
    start = soon(days=3)
    await meeting(db, MARIA, start, conversation_id=chat.id)
    set_clock(start - timedelta(minutes=50))
    gate.troubles.append(Trouble("Deliver", 3))

    assert [await tick(db) for _ in range(5)] == [Done(), Done(), Done(), Done(failed=1), Done()]

    (row,) = await rows_of(db, "select status, attempts, error from meeting_reminders")
    assert row == ("failed", 3, "unavailable")
    assert gate.calls["Deliver"] == 3


async def test_a_reminder_that_went_out_before_messaging_fell_silent_goes_out_once(
    db: Database, gate: Gate, set_clock: Put
) -> None:
    chat = gate.open(Chat())
    start = soon(days=3)
    await meeting(db, MARIA, start, conversation_id=chat.id)
    set_clock(start - timedelta(minutes=50))
    gate.troubles.append(Trouble("Deliver", 1, after_effect=True))

    first, second = await tick(db), await tick(db)

    assert (first.hour, second.hour) == (0, 1)
    assert len(gate.delivered) == 1


async def test_a_tick_that_was_cut_off_is_taken_up_when_its_time_is_over(
    db: Database, gate: Gate, set_clock: Put
) -> None:
    chat = gate.open(Chat())
    start = soon(days=3)
    await meeting(db, MARIA, start, conversation_id=chat.id)
    set_clock(start - timedelta(minutes=50))
    async with db.begin() as session:
        window = {"after": now(), "until": now() + timedelta(hours=1)}
        lease = now() + reminders.LEASE
        await session.run(reminders.CLAIM, kind="1h", lease=lease, limit=10, **window)

    assert await tick(db) == Done()
    set_clock(start - timedelta(minutes=47))

    assert await tick(db, 10) == Done(hour=1)


async def test_a_reminder_that_whatsapp_did_not_take_is_not_shown_as_sent(
    db: Database, gate: Gate, set_clock: Put
) -> None:
    chat = gate.open(Chat())
    start = soon(days=3)
    made = await meeting(db, MARIA, start, conversation_id=chat.id)
    set_clock(start - timedelta(minutes=50))
    await tick(db)
    (message,) = gate.delivered

    def outcome(status: str) -> messaging.MessageStatusChanged:
        return messaging.MessageStatusChanged(
            conversation_id=chat.id, status=status, origin="reminder", correlation_id=message.correlation_id
        )

    await tell(db, outcome("unknown"))
    assert not (await shown(db, made.id)).reminder_sent
    await tell(db, outcome("delivered"))
    assert (await shown(db, made.id)).reminder_sent
    await tell(db, outcome("failed"))
    assert not (await shown(db, made.id)).reminder_sent


async def test_the_workspaces_own_words_are_used_and_may_be_switched_off(
    db: Database, gate: Gate, set_clock: Put
) -> None:
    async with db.begin() as session:
        request = pb.SetSchedulingRequest(
            reminder1h_text="{{titulo}} às {{hora}}!", reminder24h_enabled=False
        )
        await scheduling.set_scheduling(session, SUPERVISOR, request)
    chat = gate.open(Chat())
    start = datetime.fromisoformat("2031-03-10T14:00:00-03:00")
    await meeting(db, MARIA, start, conversation_id=chat.id)

    set_clock(start - timedelta(hours=20))
    assert await tick(db) == Done()
    set_clock(start - timedelta(minutes=20))
    await tick(db)

    assert [message.content for message in gate.delivered] == ["Proposta às 14:00!"]


async def test_who_did_not_come_is_marked_half_an_hour_after_the_end(
    db: Database, gate: Gate, set_clock: Put
) -> None:
    start = soon(days=1)
    made = await meeting(db, MARIA, start, duration=60)
    confirmed = await meeting(db, JOAO, start, duration=60)
    await meeting_changes.change(db, JOAO, pb.UpdateMeetingRequest(id=confirmed.id, status="confirmed"))

    set_clock(start + timedelta(minutes=89))
    assert (await tick(db, 10)).no_shows == 0
    set_clock(start + timedelta(minutes=91))
    assert (await tick(db, 10)).no_shows == 2

    assert (await shown(db, made.id)).status == "no_show"
    assert {(*event.attendees,) for event in await told(db, pb.MeetingNoShow)} == {(MARIA.id,), (JOAO.id,)}
    assert {row.blocking for row in await rows_of(db, "select blocking from meeting_attendees")} == {False}


async def test_a_person_who_knows_better_is_not_overruled(db: Database, set_clock: Put) -> None:
    start = soon(days=1)
    made = await meeting(db, MARIA, start)
    set_clock(start + timedelta(hours=2))
    await tick(db)

    await meeting_changes.change(db, MARIA, pb.UpdateMeetingRequest(id=made.id, status="scheduled"))
    await tick(db)

    assert (await shown(db, made.id)).status == "scheduled"


async def test_the_route_tells_what_was_done(db: Database, gate: Gate, set_clock: Put) -> None:
    chat = gate.open(Chat())
    start = soon(days=3)
    await meeting(db, MARIA, start, conversation_id=chat.id)
    set_clock(start - timedelta(minutes=50))

    answer = await reminders.process(db, SUPERVISOR, pb.ProcessRemindersRequest())

    assert (answer.reminders_sent, answer.processed) == (1, pb.ProcessedReminders(reminders1h=1))


@pytest.mark.parametrize(
    ("kind", "link", "text"),
    [
        ("24h", None, "Olá! Lembrete da sua reunião “Proposta”: segunda-feira, 10/03, às 14:00."),
        ("1h", None, "Olá! Sua reunião “Proposta” começa às 14:00."),
        ("1h", "https://meet.x/y", "Olá! Sua reunião “Proposta” começa às 14:00. https://meet.x/y"),
    ],
)
def test_customers_read_the_workspaces_time(kind: str, link: str | None, text: str) -> None:
    moment = datetime.fromisoformat("2031-03-10T17:00:00+00:00")
    given: dict[str, Any] = {
        "title": "Proposta",
        "moment": moment,
        "zone": workspace.DEFAULT_ZONE,
        "link": link,
    }

    assert reminder_texts.reminder(kind, None, **given) == text
