"""Two conversations turn out to be with one customer."""

from datetime import timedelta

from protos import intelligence_pb2
from protos import messaging_pb2 as messaging
from services.campaigns import sla
from services.kit.clock import now, rfc3339
from services.kit.db import Database
from services.kit.tables import new_id
from tests.campaigns.colleagues import Identity
from tests.campaigns.messaging_server import Chat, Gate
from tests.campaigns.world import (
    announced,
    escalation,
    meeting,
    rows_of,
    settle,
    soon,
    started,
    tell,
)
from tests.support import MARIA


def merged(kept: Chat, gone: Chat) -> messaging.ConversationMerged:
    return messaging.ConversationMerged(
        conversation_id=kept.id,
        gone_conversation_id=gone.id,
        contact_id=kept.contact_id,
        gone_contact_id=gone.contact_id,
    )


def wish(chat: Chat) -> intelligence_pb2.SchedulingIntentDetected:
    return intelligence_pb2.SchedulingIntentDetected(
        conversation_id=chat.id, intent_type="new_meeting", confidence=0.9, message_id=new_id()
    )


async def test_an_escalation_goes_on_in_the_conversation_that_stays(
    db: Database, gate: Gate, identity: Identity
) -> None:
    identity.add(id=MARIA.id)
    kept, gone = gate.open(Chat()), gate.open(Chat())
    made = await escalation(db, gone.id)
    await settle(db)
    del gate.chats[gone.id]

    await tell(db, merged(kept, gone), times=2)

    (row,) = await rows_of(db, "select * from escalations")
    assert (row.id, row.status, row.conversation_id) == (made.id, "assigned", kept.id)
    assert (row.contact_id, row.escalated_to) == (kept.contact_id, MARIA.id)
    assert (kept.mode, kept.assigned_to) == ("human", MARIA.id)


async def test_of_two_escalations_the_one_that_stays_is_as_urgent_as_either(
    db: Database, gate: Gate, by_hand: Identity
) -> None:
    kept, gone = gate.open(Chat()), gate.open(Chat())
    stays = await escalation(db, kept.id, priority="low")
    goes = await escalation(db, gone.id, priority="urgent")

    await tell(db, merged(kept, gone), times=2)

    rows = await rows_of(db, "select id, status, priority, conversation_id from escalations order by id")
    assert [*rows] == [
        (stays.id, "pending", "urgent", kept.id),
        (goes.id, "abandoned", "urgent", kept.id),
    ]
    assert (await announced(db)).count("EscalationAbandoned") == 1


async def test_meetings_and_offers_follow(db: Database, gate: Gate, identity: Identity) -> None:
    identity.add(id=MARIA.id)
    kept, gone = gate.open(Chat()), gate.open(Chat())
    await meeting(db, MARIA, soon(days=1), conversation_id=gone.id)
    await tell(db, wish(gone))

    await tell(db, merged(kept, gone))
    await tell(db, kept.says("1"))

    booked = await rows_of(db, "select conversation_id, contact_id from meetings")
    assert [*booked] == [(kept.id, kept.contact_id)] * 2


async def test_a_customer_is_offered_times_in_one_conversation(
    db: Database, gate: Gate, identity: Identity
) -> None:
    identity.add(id=MARIA.id)
    kept, gone = gate.open(Chat()), gate.open(Chat())
    await tell(db, wish(kept), wish(gone))

    await tell(db, merged(kept, gone))

    rows = await rows_of(db, "select status, conversation_id from scheduling_intents order by id")
    assert [*rows] == [("slots_offered", kept.id), ("cancelled", kept.id)]


async def test_who_waits_for_a_campaign_is_addressed_under_the_id_that_stays(
    db: Database, gate: Gate
) -> None:
    id = await started(db, gate, 2)
    first, second = (one.contact_id for one in gate.contacts)
    stays, goes = Chat(contact_id=new_id()), Chat(contact_id=first)

    await tell(db, merged(stays, goes))
    await tell(db, merged(Chat(contact_id=stays.contact_id), Chat(contact_id=second)))

    rows = await rows_of(db, "select contact_id from campaign_messages where campaign_id = %(id)s", id=id)
    assert {row.contact_id for row in rows} == {stays.contact_id, second}


async def test_a_wait_is_that_of_both_conversations(db: Database, gate: Gate) -> None:
    kept, gone, other = gate.open(Chat()), gate.open(Chat()), gate.open(Chat())
    for chat in (gone, other):
        asked = chat.says("Alguém?")
        asked.timestamp = rfc3339(now() - timedelta(minutes=40))
        await tell(db, asked)
    await sla.sweep(db)

    await tell(db, merged(kept, gone), merged(kept, other))
    await sla.sweep(db)

    rows = await rows_of(db, "select conversation_id, ended_at is null as lasts from sla_violations")
    assert sorted(rows) == [(kept.id, False), (kept.id, True)]
    waiting = await rows_of(db, "select conversation_id from waiting_conversations")
    assert [*waiting] == [(kept.id,)]
    assert (await announced(db)).count("SlaViolated") == 2
