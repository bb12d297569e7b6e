"""Handing a campaign to the send gate, and what becomes of its messages."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from protos import campaigns_pb2 as pb
from protos import messaging_pb2 as messaging
from services.campaigns import pacing, progress, recall, sending, starting
from services.campaigns.campaigns import WrongStatus
from services.campaigns.outcomes import FAILURES_IN_A_ROW, FORWARD
from services.campaigns.progress import BATCH, WINDOW
from services.kit.clock import now, rfc3339
from services.kit.db import Database, Row
from services.kit.errors import Unavailable
from services.kit.tables import new_id
from tests.campaigns.messaging_server import INSTANCE, Gate, Trouble, status
from tests.campaigns.world import announced, at_once, campaign, rows_of, settle, tell
from tests.support import SUPERVISOR

Put = Callable[[datetime], None]
SAO_PAULO = ZoneInfo("America/Sao_Paulo")


async def started(db: Database, gate: Gate, count: int, **fields: Any) -> str:
    gate.add_contacts(count)
    draft = await campaign(db, **fields)
    await starting.send(db, SUPERVISOR, pb.SendCampaignRequest(id=draft.id))
    return draft.id


async def row_of(db: Database, id: str) -> Row:
    (row,) = await rows_of(db, "select * from campaigns where id = %(id)s", id=id)
    return row


async def counted(db: Database, id: str) -> dict[str, int]:
    """How many recipients there are in each status; the counters must say the same."""
    found = await rows_of(
        db, "select status, count(*) from campaign_messages where campaign_id = %(id)s group by status", id=id
    )
    counts = {row.status: row.count for row in found}
    row = await row_of(db, id)
    delivered = counts.get("delivered", 0) + counts.get("read", 0)
    assert row.sent_count == counts.get("sent", 0) + delivered
    assert row.delivered_count == delivered
    for name in ("pending", "queued", "read", "failed", "unknown", "cancelled"):
        assert getattr(row, f"{name}_count") == counts.get(name, 0), name
    return counts


async def flow(db: Database, gate: Gate) -> None:
    """Until nothing moves any more."""
    await settle(db)
    while gate.send_queued() or gate.events:
        events, gate.events = gate.events, []
        await tell(db, *events)
        await settle(db)


async def test_everybody_gets_the_message_once_and_the_campaign_is_completed(
    db: Database, gate: Gate
) -> None:
    id = await started(db, gate, 180)

    await flow(db, gate)

    assert len(gate.ledger) == 180
    assert not gate.doubled()
    assert await counted(db, id) == {"sent": 180}
    row = await row_of(db, id)
    assert (row.status, row.sent_count) == ("completed", 180)
    assert (await announced(db)).count("CampaignCompleted") == 1


async def test_no_more_is_handed_over_than_fits_the_window(db: Database, gate: Gate) -> None:
    await started(db, gate, 3 * WINDOW)

    await settle(db)

    assert len(gate.queue) == WINDOW
    gate.send_queued(BATCH)
    events, gate.events = gate.events, []
    await tell(db, *events)
    await settle(db)
    assert len(gate.queue) == WINDOW


async def test_each_message_is_its_recipients_own(db: Database, gate: Gate) -> None:
    await started(db, gate, 2, media_url="https://empresa.com.br/a.png", media_type="image")

    await settle(db)

    first, second = gate.queue.values()
    assert {first.content, second.content} == {"Olá, Cliente 0!", "Olá, Cliente 1!"}
    assert (first.media_url, first.media_type) == ("https://empresa.com.br/a.png", "image")
    assert (first.origin, first.instance_id) == ("campaign", INSTANCE)
    assert first.key.startswith(first.correlation_id)


async def test_a_batch_that_messaging_took_before_it_fell_silent_is_not_doubled(
    db: Database, gate: Gate
) -> None:
    id = await started(db, gate, 10)
    gate.troubles.append(Trouble("QueueMessages", 1, after_effect=True))

    with pytest.raises(Unavailable):
        await sending.send_batch(db, pb.BatchDue(campaign_id=id))
    await flow(db, gate)

    assert len(gate.ledger) == 10
    assert not gate.doubled()
    assert await counted(db, id) == {"sent": 10}


async def test_many_batches_at_once_claim_each_recipient_once(db: Database, gate: Gate) -> None:
    id = await started(db, gate, 140)

    await at_once(*(sending.send_batch(db, pb.BatchDue(campaign_id=id)) for _ in range(12)))

    assert len(gate.queue) == 140
    assert {message.key.rsplit(":", 1)[1] for message in gate.queue.values()} == {"1"}


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


async def test_nothing_is_handed_over_in_quiet_hours(db: Database, gate: Gate, set_clock: Put) -> None:
    set_clock(datetime(2026, 3, 10, 22, 0, tzinfo=SAO_PAULO))
    gate.add_contacts(3, time_zone="America/Manaus")
    id = await started(db, gate, 4, quiet_hours=pb.QuietHours(start="21:30", end="08:00"))

    await flow(db, gate)
    assert {message.content for message in gate.ledger} == {f"Olá, Cliente {n}!" for n in range(3)}
    await sending.keep_going(db)
    await flow(db, gate)
    assert len(gate.ledger) == 3

    set_clock(datetime(2026, 3, 11, 8, 0, 5, tzinfo=SAO_PAULO))
    await sending.keep_going(db)
    await flow(db, gate)
    assert await counted(db, id) == {"sent": 7}


async def test_what_is_queued_may_be_sent_until_quiet_hours_begin(
    db: Database, gate: Gate, set_clock: Put
) -> None:
    set_clock(datetime(2026, 3, 10, 21, 0, tzinfo=SAO_PAULO))
    id = await started(db, gate, 2, quiet_hours=pb.QuietHours(start="21:30", end="08:00"))
    await settle(db)

    assert {message.not_after for message in gate.queue.values()} == {"2026-03-11T00:30:00.000Z"}
    set_clock(datetime(2026, 3, 10, 21, 40, tzinfo=SAO_PAULO))
    await flow(db, gate)
    assert await counted(db, id) == {"pending": 2}
    assert not gate.ledger


async def test_a_daily_cap_holds_across_campaigns_and_ends_at_midnight(
    db: Database, gate: Gate, set_clock: Put
) -> None:
    set_clock(datetime(2026, 3, 10, 12, 0, tzinfo=SAO_PAULO))
    await pacing.set_pacing(db, SUPERVISOR, pb.SetPacingRequest(instance_id=INSTANCE, daily_cap=8))
    first = await started(db, gate, 6)
    second = await started(db, gate, 0)

    await flow(db, gate)
    await at_once(*(sending.send_batch(db, pb.BatchDue(campaign_id=id)) for id in (first, second) * 5))
    await flow(db, gate)
    assert len(gate.ledger) == 8

    set_clock(datetime(2026, 3, 11, 0, 1, tzinfo=SAO_PAULO))
    await sending.keep_going(db)
    await flow(db, gate)
    assert len(gate.ledger) == 12
    assert (await row_of(db, second)).status == "completed"


async def test_what_was_never_sent_does_not_count_against_the_cap(db: Database, gate: Gate) -> None:
    await pacing.set_pacing(db, SUPERVISOR, pb.SetPacingRequest(instance_id=INSTANCE, daily_cap=5))
    id = await started(db, gate, 5)
    await settle(db)

    await recall.pause(db, SUPERVISOR, pb.PauseCampaignRequest(id=id))

    shown = await pacing.get_pacing(db, SUPERVISOR, pb.GetPacingRequest(instance_id=INSTANCE))
    assert shown.handed_today == 0


async def test_while_the_instance_is_away_nothing_is_handed_over_and_people_are_told(
    db: Database, gate: Gate, set_clock: Put
) -> None:
    id = await started(db, gate, 3)
    gate.connected.clear()

    await settle(db)
    assert not gate.queue
    assert (await row_of(db, id)).stalled_since
    set_clock(now() + timedelta(minutes=6))
    await at_once(*(sending.keep_going(db) for _ in range(10)))
    assert (await announced(db)).count("CampaignStalled") == 1

    gate.connected.add(INSTANCE)
    back = messaging.InstanceStatusChanged(
        instance_id=INSTANCE, old_status="disconnected", status="connected"
    )
    await tell(db, back)
    await flow(db, gate)
    assert await counted(db, id) == {"sent": 3}
    assert (await row_of(db, id)).stalled_since is None


async def test_an_instance_that_goes_away_stalls_its_campaigns_at_once(db: Database, gate: Gate) -> None:
    id = await started(db, gate, 3)

    gone = messaging.InstanceStatusChanged(
        instance_id=INSTANCE, old_status="connected", status="disconnected"
    )
    await tell(db, gone)

    assert (await row_of(db, id)).stalled_since


async def test_pausing_takes_back_what_is_queued_and_resuming_goes_on(db: Database, gate: Gate) -> None:
    id = await started(db, gate, 200)
    await settle(db)
    gate.send_queued(30)

    answer = await recall.pause(db, SUPERVISOR, pb.PauseCampaignRequest(id=id))
    await tell(db, *gate.events)
    gate.events.clear()

    assert answer.campaign.status == "paused"
    assert not gate.queue
    assert await counted(db, id) == {"sent": 30, "pending": 170}
    await settle(db)
    assert not gate.queue

    async with db.begin() as session:
        await recall.resume(session, SUPERVISOR, pb.ResumeCampaignRequest(id=id))
    await flow(db, gate)
    assert await counted(db, id) == {"sent": 200}
    assert not gate.doubled()


async def test_a_batch_that_arrives_after_the_pause_is_refused(db: Database, gate: Gate) -> None:
    id = await started(db, gate, 10)
    gate.slow = 0.3

    late, paused = await at_once(sending.send_batch(db, pb.BatchDue(campaign_id=id)), _paused_soon(db, id))

    assert late is None
    assert paused.campaign.status == "paused"
    assert not gate.queue
    assert await counted(db, id) == {"pending": 10}


async def _paused_soon(db: Database, id: str) -> pb.CampaignResponse:
    while (await row_of(db, id)).queued_count == 0:
        pass
    return await recall.pause(db, SUPERVISOR, pb.PauseCampaignRequest(id=id))


async def test_cancelling_ends_what_has_not_been_begun(db: Database, gate: Gate) -> None:
    id = await started(db, gate, 300)
    await settle(db)
    gate.send_queued(40)

    answer = await recall.cancel(db, SUPERVISOR, pb.CancelCampaignRequest(id=id))
    sent = len(gate.ledger)
    await flow(db, gate)

    assert answer.cancelled_recipients == 260
    assert len(gate.ledger) == sent == 40
    assert await counted(db, id) == {"sent": 40, "cancelled": 260}
    assert (await row_of(db, id)).status == "cancelled"
    again = await recall.cancel(db, SUPERVISOR, pb.CancelCampaignRequest(id=id))
    assert again.cancelled_recipients == 0
    assert (await announced(db)).count("CampaignCancelled") == 1


async def test_cancelling_while_messaging_is_away_is_finished_by_the_clock(db: Database, gate: Gate) -> None:
    id = await started(db, gate, 20)
    await settle(db)
    gate.troubles.append(Trouble("CancelQueued", 1))

    with pytest.raises(Unavailable):
        await recall.cancel(db, SUPERVISOR, pb.CancelCampaignRequest(id=id))
    assert (await row_of(db, id)).status == "cancelled"
    await at_once(*(sending.keep_going(db) for _ in range(5)))

    assert not gate.queue
    assert await counted(db, id) == {"cancelled": 20}


@pytest.mark.parametrize("ended", ["completed", "failed"])
async def test_what_has_ended_is_not_cancelled(db: Database, gate: Gate, ended: str) -> None:
    id = await started(db, gate, 1)
    async with db.begin() as session:
        await session.run("update campaigns set status = %(ended)s", ended=ended)

    with pytest.raises(WrongStatus):
        await recall.cancel(db, SUPERVISOR, pb.CancelCampaignRequest(id=id))


@pytest.mark.parametrize("other", ["draft", "scheduled", "sending", "completed", "cancelled", "failed"])
async def test_only_what_is_paused_is_resumed(db: Database, other: str) -> None:
    draft = await campaign(db)
    async with db.begin() as session:
        await session.run("update campaigns set status = %(other)s, scheduled_at = now()", other=other)

    async with db.begin() as session:
        with pytest.raises(WrongStatus):
            await recall.resume(session, SUPERVISOR, pb.ResumeCampaignRequest(id=draft.id))


@pytest.mark.parametrize("other", ["draft", "scheduled", "paused", "completed", "cancelled", "failed"])
async def test_only_what_is_being_sent_is_paused(db: Database, other: str) -> None:
    draft = await campaign(db)
    async with db.begin() as session:
        await session.run("update campaigns set status = %(other)s, scheduled_at = now()", other=other)

    with pytest.raises(WrongStatus):
        await recall.pause(db, SUPERVISOR, pb.PauseCampaignRequest(id=draft.id))


async def test_the_clock_finds_an_audience_that_got_stuck(db: Database, gate: Gate, set_clock: Put) -> None:
    id = await started(db, gate, 2 * WINDOW)
    async with db.begin() as session:
        await session.run("delete from outbox")
    set_clock(now() + timedelta(minutes=2))

    await sending.keep_going(db)
    await settle(db)

    assert await counted(db, id) == {"pending": WINDOW, "queued": WINDOW}
