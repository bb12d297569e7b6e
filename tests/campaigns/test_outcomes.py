"""What becomes of a campaign's messages, and of the campaign with them."""

import pytest

from protos import messaging_pb2 as messaging
from services.campaigns import progress, sending
from services.campaigns.outcomes import FAILURES_IN_A_ROW, FORWARD
from services.kit.clock import now, rfc3339
from services.kit.db import Database
from services.kit.tables import new_id
from tests.campaigns.messaging_server import INSTANCE, Gate, status
from tests.campaigns.world import counted, flow, row_of, rows_of, settle, started, tell


async def test_events_are_counted_once_in_whatever_order_they_come(db: Database, gate: Gate) -> None:
    id = await started(db, gate, 3)
    await settle(db)
    gate.send_queued()
    first, second, third = gate.ledger
    sent, gate.events = gate.events, []

    await tell(db, status(first, "read"), status(first, "delivered"), status(second, "delivered"), times=2)
    await tell(db, status(third, "failed", error="invalid number"), times=3)
    await tell(db, *sent, times=2)

    assert await counted(db, id) == {"read": 1, "delivered": 1, "failed": 1}
    row = await row_of(db, id)
    assert (row.sent_count, row.delivered_count, row.read_count, row.failed_count) == (2, 2, 1, 1)
    (failed,) = await rows_of(db, "select * from campaign_messages where status = 'failed'")
    assert failed.error == "invalid number"


@pytest.mark.parametrize("old", FORWARD)
@pytest.mark.parametrize("new", ["sent", "delivered", "read", "failed", "unknown"])
async def test_a_status_only_moves_forward(db: Database, gate: Gate, old: str, new: str) -> None:
    id = await started(db, gate, 1)
    await settle(db)
    (message,) = gate.queue.values()
    async with db.begin() as session:
        await session.run("update campaign_messages set status = %(old)s", old=old)
        names = ["pending", "queued", "sent", "delivered", "read", "failed", "unknown", "cancelled"]
        zeros = ", ".join(f"{name}_count = 0" for name in names)
        await session.run(f"update campaigns set {zeros}")
        await progress.count(session, id, "cancelled", old)
        await session.run("update campaigns set cancelled_count = 0")

    await tell(db, status(message, new))

    expected = new if new in FORWARD[old] else old
    assert await counted(db, id) == {expected: 1}


async def test_an_outcome_that_cannot_be_told_counts_as_finished_and_may_still_be_settled(
    db: Database, gate: Gate
) -> None:
    id = await started(db, gate, 2)
    await settle(db)
    gate.send_queued()
    gate.events.clear()

    await tell(db, status(gate.ledger[0], "unknown"), status(gate.ledger[1], "unknown"))
    assert (await row_of(db, id)).status == "completed"
    await tell(db, status(gate.ledger[0], "delivered"))

    assert await counted(db, id) == {"unknown": 1, "delivered": 1}


async def test_a_campaign_of_which_nothing_went_out_has_failed(db: Database, gate: Gate) -> None:
    id = await started(db, gate, 3)
    await settle(db)
    gate.send_queued()
    gate.events.clear()

    await tell(db, *(status(message, "failed", error="refused") for message in gate.ledger))

    row = await row_of(db, id)
    assert (row.status, row.failure_reason) == ("failed", "No message could be sent.")


async def test_many_failures_in_a_row_pause_the_campaign_and_take_back_what_is_queued(
    db: Database, gate: Gate
) -> None:
    id = await started(db, gate, 100)
    await settle(db)
    gate.send_queued(FAILURES_IN_A_ROW)
    gate.events.clear()

    await tell(db, *(status(message, "failed", error="banned") for message in gate.ledger))
    await settle(db)

    row = await row_of(db, id)
    assert row.status == "paused"
    assert "banned" in row.failure_reason
    assert not gate.queue
    assert await counted(db, id) == {"failed": FAILURES_IN_A_ROW, "pending": 80}


async def test_a_message_that_got_through_ends_the_row_of_failures(db: Database, gate: Gate) -> None:
    id = await started(db, gate, 60)
    await settle(db)
    gate.send_queued(60)
    gate.events.clear()

    for number, message in enumerate(gate.ledger):
        await tell(db, status(message, "sent" if number % 10 == 9 else "failed", error="invalid"))

    assert (await row_of(db, id)).status == "completed"


async def test_what_expires_in_the_queue_is_sent_later_and_once(db: Database, gate: Gate) -> None:
    id = await started(db, gate, 5)
    await settle(db)
    gate.drop_queued("expired")
    events, gate.events = gate.events, []

    await tell(db, *events, times=3)
    assert await counted(db, id) == {"pending": 5}
    await sending.keep_going(db)
    await flow(db, gate)

    assert len(gate.ledger) == 5
    assert {message.key.rsplit(":", 1)[1] for message in gate.ledger} == {"2"}
    await tell(db, *events)
    assert await counted(db, id) == {"sent": 5}


@pytest.mark.parametrize(
    ("reason", "ends"),
    [("opted_out", "cancelled"), ("contact_gone", "cancelled"), ("instance_gone", "failed")],
)
async def test_what_messaging_gives_up_for_good_ends(
    db: Database, gate: Gate, reason: str, ends: str
) -> None:
    id = await started(db, gate, 2)
    await settle(db)
    gate.drop_queued(reason)

    await tell(db, *gate.events, times=2)

    assert await counted(db, id) == {ends: 2}
    assert (await row_of(db, id)).status == "failed"


async def test_who_opts_out_is_taken_off_the_list(
    db: Database, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "WINDOW", 10)
    id = await started(db, gate, 11)
    await settle(db)
    waiting = gate.contacts[-1].contact_id

    await tell(db, messaging.ContactOptedOut(contact_id=waiting, instance_id=INSTANCE), times=2)

    assert (await counted(db, id))["cancelled"] == 1
    await flow(db, gate)
    assert not gate.texts_to(waiting)


async def test_events_of_others_change_nothing(db: Database, gate: Gate) -> None:
    id = await started(db, gate, 1)
    await settle(db)
    foreign = messaging.MessageStatusChanged(
        conversation_id=new_id(), message_id=new_id(), status="read", origin="human"
    )

    await tell(
        db, foreign, messaging.MessageSent(conversation_id=new_id(), origin="ai", timestamp=rfc3339(now()))
    )
    gone = messaging.MessageStatusChanged(
        status="read", origin="campaign", correlation_id=f"campaign:{new_id()}"
    )
    await tell(db, gone)

    assert await counted(db, id) == {"queued": 1}


async def test_an_event_without_correlation_is_told_by_its_whatsapp_id(db: Database, gate: Gate) -> None:
    id = await started(db, gate, 1)
    await flow(db, gate)
    event = status(gate.ledger[0], "read")
    event.ClearField("correlation_id")

    await tell(db, event)

    assert await counted(db, id) == {"read": 1}
