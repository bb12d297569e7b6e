"""A customer wants to meet: offered, picked, booked, and said once."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest

from protos import campaigns_pb2 as pb
from protos import intelligence_pb2, sales_pb2
from services.campaigns import intents
from services.campaigns.escalating import ConversationNotFound
from services.kit.clock import now, parse
from services.kit.db import Database
from services.kit.errors import Unavailable
from services.kit.tables import new_id
from tests.campaigns.agenda import settings
from tests.campaigns.colleagues import Identity, Sales
from tests.campaigns.messaging_server import Chat, Gate, Trouble
from tests.campaigns.world import announced, at_once, meeting, rows_of, tell
from tests.support import JOAO, MARIA, SUPERVISOR

Put = Callable[[datetime], None]


@pytest.fixture(autouse=True)
def _tuesday(set_clock: Put, identity: Identity) -> None:
    set_clock(datetime.fromisoformat("2031-03-11T07:55:00-03:00"))
    for actor in (MARIA, JOAO):
        identity.add(id=actor.id)


def wants(chat: Chat, kind: str = "new_meeting", **fields: Any) -> intelligence_pb2.SchedulingIntentDetected:
    event = chat.says("Quero marcar uma reunião")
    values = {"confidence": 0.9, "message_id": event.message_id, **fields}
    return intelligence_pb2.SchedulingIntentDetected(conversation_id=chat.id, intent_type=kind, **values)


async def intent_of(db: Database) -> Any:
    (row,) = await rows_of(db, "select * from scheduling_intents")
    return row


async def left_to_people(db: Database, gate: Gate, chat: Chat) -> bool:
    """The customer was told once, and one escalation asks for somebody."""
    (told,) = gate.delivered
    (made,) = await rows_of(db, "select conversation_id, reason from escalations")
    return "pessoa da equipe" in told.content and made == (chat.id, "ai_suggested")


async def test_times_are_offered_once_and_the_one_that_is_picked_is_booked(
    db: Database, gate: Gate, sales: Sales
) -> None:
    chat = gate.open(Chat(name="Ana"))
    lead: sales_pb2.Lead = sales.add(conversation_id=chat.id)

    await tell(db, wants(chat), times=3)
    (offer,) = gate.delivered
    assert offer.content.splitlines()[1] == "1. terça-feira, 11/03, às 10:00"
    assert offer.content.count("\n") == 6
    await tell(db, chat.says("opção 2"), times=3)

    (booked,) = await rows_of(db, "select * from meetings")
    assert booked.scheduled_at == "2031-03-11T14:00:00.000Z"
    assert (booked.duration, booked.source, booked.lead_id, booked.created_by) == (30, "ai", lead.id, None)
    assert booked.title == "Reunião com Ana"
    assert gate.delivered[-1].content == "Reunião marcada para terça-feira, 11/03, às 11:00. Até lá!"
    assert len(gate.delivered) == 2
    row = await intent_of(db)
    assert (row.status, row.selected_slot_index, row.resulting_meeting_id) == ("confirmed", 1, booked.id)
    assert (await announced(db)).count("MeetingScheduled") == 1


async def test_what_is_not_certain_is_not_acted_on(db: Database, gate: Gate) -> None:
    chat = gate.open(Chat())

    await tell(db, wants(chat, confidence=0.5))

    assert await rows_of(db, "select id from scheduling_intents") == []


@pytest.mark.parametrize("mode", ["hybrid", "human"])
async def test_where_a_person_answers_the_offer_is_a_draft(db: Database, gate: Gate, mode: str) -> None:
    chat = gate.open(Chat(mode=mode))

    await tell(db, wants(chat))
    await tell(db, chat.says("1"))

    row = await intent_of(db)
    assert (row.status, row.round) == ("pending", 1)
    assert not gate.delivered
    assert await rows_of(db, "select id from meetings") == []
    found = await intents.list_intents(db, MARIA, pb.ListIntentsRequest(conversation_id=chat.id))
    assert len(found.intents[0].offered_slots) == 5


async def test_the_workspace_may_not_want_the_ai_to_offer(db: Database, gate: Gate) -> None:
    chat = gate.open(Chat())
    await settings(db, allow_ai_scheduling=False)

    await tell(db, wants(chat), times=2)

    row = await intent_of(db)
    assert (row.status, len(orjson.loads(row.offered_slots))) == ("pending", 5)
    assert await left_to_people(db, gate, chat)


async def test_where_meetings_are_switched_off_a_person_is_called(db: Database, gate: Gate) -> None:
    chat = gate.open(Chat())
    await settings(db, is_enabled=False)

    await tell(db, wants(chat), times=2)

    assert (await intent_of(db)).offered_slots == "[]"
    assert await left_to_people(db, gate, chat)


async def test_whoever_attends_to_the_customer_is_asked_first(db: Database, gate: Gate) -> None:
    chat = gate.open(Chat(assigned_to=JOAO.id))

    await tell(db, wants(chat))
    await tell(db, chat.says("1"))

    rows = await rows_of(db, "select user_id from meeting_attendees")
    assert [row.user_id for row in rows] == [JOAO.id]


async def test_a_time_that_somebody_else_took_is_offered_no_more(db: Database, gate: Gate) -> None:
    chat = gate.open(Chat(assigned_to=JOAO.id))
    await tell(db, wants(chat))
    (slot, *_) = (
        (await intents.list_intents(db, SUPERVISOR, pb.ListIntentsRequest())).intents[0].offered_slots
    )
    await meeting(db, JOAO, parse(slot.starts_at))

    await tell(db, chat.says("1"), times=2)

    assert gate.delivered[-1].content.startswith("Esse horário não está mais disponível.")
    assert len(gate.delivered) == 2
    assert slot.label not in gate.delivered[-1].content
    await tell(db, chat.says("1"))
    assert (await intent_of(db)).status == "confirmed"


async def test_a_hundred_customers_who_pick_the_same_time_do_not_share_a_person(
    db: Database, gate: Gate
) -> None:
    chats = [gate.open(Chat()) for _ in range(30)]
    for chat in chats:
        await tell(db, wants(chat))

    answers = await at_once(*(tell(db, chat.says("1")) for chat in chats))

    assert not [one for one in answers if one]
    rows = await rows_of(db, "select user_id, lower(during) as start from meeting_attendees")
    assert len(rows) == 2
    assert len({*rows}) == 2


async def test_a_number_that_was_not_offered_is_asked_again(db: Database, gate: Gate) -> None:
    chat = gate.open(Chat())
    await tell(db, wants(chat))

    await tell(db, chat.says("7"), times=2)
    await tell(db, chat.says("amanhã chove?"))

    assert [message.content for message in gate.delivered[1:]] == [
        "Por favor, responda com um número de 1 a 5."
    ]


async def test_an_offer_that_has_expired_is_made_anew(db: Database, gate: Gate, set_clock: Put) -> None:
    chat = gate.open(Chat())
    await tell(db, wants(chat))
    set_clock(now() + timedelta(minutes=31))
    assert await intents.expire(db) == 1
    assert await intents.expire(db) == 0

    await tell(db, chat.says("1"), times=2)

    row = await intent_of(db)
    assert (row.status, row.round) == ("slots_offered", 2)
    assert len(gate.delivered) == 2
    assert "10:00" not in gate.delivered[-1].content.splitlines()[1]


async def test_the_customer_may_be_asked_once_more(db: Database, gate: Gate) -> None:
    await settings(db, require_confirmation=True, confirmation_message="Combinado: {{horario}}")
    chat = gate.open(Chat())
    await tell(db, wants(chat))

    await tell(db, chat.says("3"), times=2)
    assert (
        gate.delivered[-1].content
        == "Posso confirmar para terça-feira, 11/03, às 14:00? Responda sim ou não."
    )
    assert await rows_of(db, "select id from meetings") == []
    await tell(db, chat.says("sim"), times=2)

    assert gate.delivered[-1].content == "Combinado: terça-feira, 11/03, às 14:00"
    assert len(gate.delivered) == 3
    assert len(await rows_of(db, "select id from meetings")) == 1


async def test_whoever_says_no_is_offered_other_times(db: Database, gate: Gate) -> None:
    await settings(db, require_confirmation=True)
    chat = gate.open(Chat())
    await tell(db, wants(chat))
    await tell(db, chat.says("1"))

    await tell(db, chat.says("não"))

    row = await intent_of(db)
    assert (row.status, row.round, row.selected_slot_index) == ("slots_offered", 2, None)


async def test_the_ai_may_have_understood_which_one_is_meant(db: Database, gate: Gate) -> None:
    chat = gate.open(Chat())
    await tell(db, wants(chat))

    await tell(db, wants(chat, "confirm_selection", selected_slot_index=0), times=2)

    assert len(await rows_of(db, "select id from meetings")) == 1
    assert (await intent_of(db)).status == "confirmed"


async def test_to_move_a_meeting_is_not_to_make_a_second_one(db: Database, gate: Gate) -> None:
    chat = gate.open(Chat())
    made = await meeting(db, MARIA, now() + timedelta(days=9), conversation_id=chat.id, duration=45)

    await tell(db, wants(chat, "reschedule"))
    await tell(db, chat.says("1"))

    (row,) = await rows_of(db, "select id, scheduled_at, duration, sequence from meetings")
    assert (row.id, row.scheduled_at, row.duration) == (made.id, "2031-03-11T13:00:00.000Z", 45)
    assert row.sequence == 1
    assert (await announced(db)).count("MeetingRescheduled") == 1


async def test_a_meeting_is_moved_to_when_its_people_are_free_and_not_just_anybody(
    db: Database, gate: Gate
) -> None:
    chat = gate.open(Chat())
    await meeting(db, JOAO, parse("2031-03-11T13:00:00Z"))
    made = await meeting(db, JOAO, now() + timedelta(days=9), conversation_id=chat.id)

    await tell(db, wants(chat, "reschedule"))
    await tell(db, chat.says("1"))

    (row,) = await rows_of(db, "select scheduled_at from meetings where id = %(id)s", id=made.id)
    assert row.scheduled_at == "2031-03-11T17:00:00.000Z"
    assert len(gate.delivered) == 2


async def test_to_cancel_is_left_to_a_person(db: Database, gate: Gate) -> None:
    chat = gate.open(Chat())

    await tell(db, wants(chat, "cancel"), times=2)

    assert (await intent_of(db)).status == "pending"
    assert await left_to_people(db, gate, chat)


async def test_where_nothing_is_free_a_person_is_called(db: Database, gate: Gate) -> None:
    await settings(
        db, availability=[pb.Availability(specific_date="2031-01-01", start_time="09:00", end_time="10:00")]
    )
    chat = gate.open(Chat())

    asked = wants(chat)
    await tell(db, asked, times=2)
    await tell(db, chat.told_of(chat.messages[-1]))

    assert (await intent_of(db)).status == "pending"
    assert await left_to_people(db, gate, chat)


async def test_a_booking_that_could_not_be_said_is_said_when_messaging_is_back(
    db: Database, gate: Gate
) -> None:
    chat = gate.open(Chat())
    await tell(db, wants(chat))
    answer = chat.says("1")
    gate.troubles.append(Trouble("Deliver", 1))

    with pytest.raises(Unavailable):
        await tell(db, answer)
    await tell(db, answer, times=2)

    assert len(gate.delivered) == 2
    assert len(await rows_of(db, "select id from meetings")) == 1


async def test_groups_and_strangers_are_left_alone(db: Database, gate: Gate) -> None:
    chat = gate.open(Chat())
    event = chat.says("1")

    await tell(db, event)
    await tell(db, wants(Chat(id=new_id())))
    await tell(db, wants(chat))
    group = chat.says("1")
    group.is_group = True
    await tell(db, group)

    assert len(gate.delivered) == 1


async def test_agents_ask_about_conversations_that_they_may_see(db: Database, gate: Gate) -> None:
    with pytest.raises(ConversationNotFound):
        await intents.list_intents(db, MARIA, pb.ListIntentsRequest(conversation_id=new_id()))
    with pytest.raises(ConversationNotFound):
        await intents.list_intents(db, MARIA, pb.ListIntentsRequest())
    assert not (await intents.list_intents(db, SUPERVISOR, pb.ListIntentsRequest())).intents
