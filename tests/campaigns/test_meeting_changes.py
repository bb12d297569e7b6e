"""Changing and cancelling meetings: where each status leads, and who is told."""

from datetime import datetime, timedelta

import pytest

from protos import campaigns_pb2 as pb
from services.campaigns.booking import MeetingConflict
from services.campaigns.meetings import BLOCKING, TRANSITIONS, MeetingStatus
from services.kit import context
from services.kit.clock import parse, rfc3339
from services.kit.db import Database
from services.kit.errors import Invalid, Unavailable
from services.kit.tables import new_id
from tests.campaigns.agenda import cancel, change
from tests.campaigns.colleagues import Sales
from tests.campaigns.messaging_server import Chat, Gate, Trouble
from tests.campaigns.world import announced, meeting, rows_of, settle, soon, tell, told
from tests.support import JOAO, MARIA, SUPERVISOR

STATUSES = ("scheduled", "confirmed", "completed", "cancelled", "no_show")


pytestmark = pytest.mark.usefixtures("team")


@pytest.mark.parametrize("old", STATUSES)
@pytest.mark.parametrize("new", STATUSES)
async def test_each_status_leads_where_the_table_says(db: Database, old: str, new: str) -> None:
    made = await meeting(db, MARIA, soon(days=1))
    async with db.begin() as session:
        await session.run("update meetings set status = %(old)s", old=old)
        blocking = old in BLOCKING
        await session.run("update meeting_attendees set blocking = %(blocking)s", blocking=blocking)
    allowed = new == old or (new in TRANSITIONS.get(old, ()) and (old, new) != ("confirmed", "scheduled"))

    if not allowed:
        with pytest.raises(MeetingStatus):
            await change(db, MARIA, made.id, status=new)
        return
    changed = await change(db, MARIA, made.id, status=new)

    assert changed.status == new
    (row,) = await rows_of(db, "select blocking from meeting_attendees")
    assert row.blocking is (new in BLOCKING)
    stamped = {
        "confirmed": changed.confirmed_at,
        "completed": changed.completed_at,
        "cancelled": changed.cancelled_at,
    }
    assert bool(stamped.get(new, old != new)) is (old != new)


async def test_a_meeting_that_is_moved_has_to_be_confirmed_again(db: Database) -> None:
    start = soon(days=1)
    made = await meeting(db, MARIA, start)
    await change(db, MARIA, made.id, status="confirmed")

    moved = await change(db, MARIA, made.id, scheduled_at=rfc3339(start + timedelta(hours=3)))

    assert (moved.status, moved.HasField("confirmed_at")) == ("scheduled", False)
    assert parse(moved.ends_at) - parse(moved.scheduled_at) == timedelta(hours=1)
    assert (await announced(db))[-1] == "MeetingRescheduled"
    await meeting(db, MARIA, start)
    with pytest.raises(MeetingConflict):
        await change(db, MARIA, made.id, scheduled_at=rfc3339(start + timedelta(minutes=30)))
    forced = await change(db, MARIA, made.id, scheduled_at=rfc3339(start + timedelta(minutes=30)), force=True)
    assert forced.scheduled_at == rfc3339(start + timedelta(minutes=30))


async def test_longer_meetings_and_more_people_may_clash(db: Database) -> None:
    start = soon(days=1)
    made = await meeting(db, MARIA, start)
    await meeting(db, MARIA, start + timedelta(hours=1))
    await meeting(db, JOAO, start)

    with pytest.raises(MeetingConflict):
        await change(db, MARIA, made.id, duration=90)
    with pytest.raises(MeetingConflict):
        await change(db, MARIA, made.id, attendees=[MARIA.id, JOAO.id])
    shorter = await change(db, MARIA, made.id, duration=30, attendees=[SUPERVISOR.id])
    assert (shorter.duration, [*shorter.attendees]) == (30, [SUPERVISOR.id])


async def test_only_what_the_body_holds_is_changed(db: Database, gate: Gate) -> None:
    chat = gate.open(Chat())
    made = await meeting(
        db, MARIA, soon(days=1), description="A", location="Sala", notes="N", conversation_id=chat.id
    )

    changed = await change(
        db, MARIA, made.id, title="Nova", notes="M", paths=("title", "notes", "description")
    )
    unlinked = await change(db, MARIA, made.id, paths=("conversation_id", "contact_id"))

    assert (changed.title, changed.notes, changed.location) == ("Nova", "M", "Sala")
    assert not changed.HasField("description")
    assert changed.conversation_id == chat.id
    assert not unlinked.HasField("conversation_id")
    with pytest.raises(Invalid):
        await change(db, MARIA, made.id, title="", paths=("title",))
    with pytest.raises(Invalid):
        await change(db, MARIA, made.id, scheduled_at=rfc3339(soon(hours=-1)))
    with pytest.raises(Invalid):
        await change(db, MARIA, made.id, attendees=[new_id()])


async def test_a_form_may_repeat_what_the_meeting_is_about(db: Database, gate: Gate, sales: Sales) -> None:
    chat = gate.open(Chat())
    lead = sales.add(conversation_id=chat.id)
    made = await meeting(db, SUPERVISOR, soon(days=1), lead_id=lead.id, attendees=[MARIA.id])
    gate.chats.clear()
    sales.clear()

    changed = await change(
        db,
        MARIA,
        made.id,
        status="completed",
        lead_id=lead.id,
        conversation_id=chat.id,
        contact_id=made.contact_id,
    )

    assert (changed.status, changed.lead_id, changed.conversation_id) == ("completed", lead.id, chat.id)


async def test_another_conversation_brings_its_own_contact(db: Database, gate: Gate) -> None:
    before, after = gate.open(Chat()), gate.open(Chat())
    made = await meeting(db, MARIA, soon(days=1), conversation_id=before.id)

    with pytest.raises(Invalid) as refused:
        await change(db, MARIA, made.id, contact_id=after.contact_id)
    changed = await change(db, MARIA, made.id, conversation_id=after.id)
    unlinked = await change(db, MARIA, made.id, paths=("conversation_id",))

    assert [*refused.value.fields] == ["contactId"]
    assert (changed.conversation_id, changed.contact_id) == (after.id, after.contact_id)
    assert (unlinked.HasField("conversation_id"), unlinked.contact_id) == (False, after.contact_id)


async def test_a_lead_is_added_to_a_conversation_that_the_caller_no_longer_sees(
    db: Database, gate: Gate, sales: Sales
) -> None:
    chat = gate.open(Chat())
    made = await meeting(db, MARIA, soon(days=1), conversation_id=chat.id)
    chat.is_hidden = True
    context.enter(context.Context(token="Bearer maria"))

    changed = await change(db, MARIA, made.id, lead_id=sales.add().id)

    assert (changed.lead_id, changed.contact_id) == (sales.leads[0].id, chat.contact_id)


async def test_what_has_ended_is_not_moved(db: Database) -> None:
    made = await meeting(db, MARIA, soon(days=1))
    await change(db, MARIA, made.id, status="completed")

    with pytest.raises(MeetingStatus):
        await change(db, MARIA, made.id, scheduled_at=rfc3339(soon(days=3)))
    with pytest.raises(MeetingStatus):
        await cancel(db, MARIA, made.id)
    with pytest.raises(MeetingStatus):
        await change(db, MARIA, made.id, attendees=[JOAO.id])


async def test_cancelling_twice_is_cancelling_once(db: Database) -> None:
    made = await meeting(db, MARIA, soon(days=1))

    first = await cancel(db, MARIA, made.id, reason="Cliente viajou")
    second = await cancel(db, MARIA, made.id, reason="outra")

    assert (first.status, second.cancellation_reason) == ("cancelled", "Cliente viajou")
    assert (await announced(db)).count("MeetingCancelled") == 1


async def test_whatever_becomes_of_a_meeting_whoever_attends_is_named(db: Database) -> None:
    made = await meeting(db, SUPERVISOR, soon(days=1), attendees=[MARIA.id, JOAO.id])

    await change(db, SUPERVISOR, made.id, title="Contrato")
    await change(db, SUPERVISOR, made.id, scheduled_at=rfc3339(soon(days=2)))
    await cancel(db, SUPERVISOR, made.id)

    for kind in (pb.MeetingScheduled, pb.MeetingUpdated, pb.MeetingRescheduled, pb.MeetingCancelled):
        [event] = await told(db, kind)
        assert {*event.attendees} == {MARIA.id, JOAO.id}


async def test_the_contact_is_told_once_where_that_is_wanted(db: Database, gate: Gate) -> None:
    chat = gate.open(Chat())
    loud = await meeting(
        db, MARIA, datetime.fromisoformat("2031-03-10T14:00:00-03:00"), conversation_id=chat.id
    )
    silent = await meeting(db, MARIA, soon(days=2), conversation_id=chat.id)
    gate.troubles.append(Trouble("Deliver", 1, after_effect=True))

    await cancel(db, MARIA, loud.id, notify_contact=True)
    await cancel(db, MARIA, silent.id)
    with pytest.raises(Unavailable):
        await settle(db)
    event = pb.MeetingCancelled(
        meeting_id=loud.id,
        conversation_id=chat.id,
        title="Proposta",
        scheduled_at=loud.scheduled_at,
        notify_contact=True,
    )
    await tell(db, event, times=2)

    (message,) = gate.delivered
    assert message.content == "Olá! A reunião “Proposta” de segunda-feira, 10/03, às 14:00, foi cancelada."
