"""Handing a campaign to the send gate: in batches, in quiet hours, up to the cap, while somebody is there."""

from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from protos import campaigns_pb2 as pb
from protos import messaging_pb2 as messaging
from services.campaigns import pacing, recall, sending
from services.campaigns.progress import BATCH, WINDOW
from services.kit.clock import now
from services.kit.db import Database
from services.kit.errors import Unavailable
from tests.campaigns.messaging_server import INSTANCE, Gate, Trouble
from tests.campaigns.world import announced, at_once, counted, flow, row_of, settle, started, tell
from tests.support import SUPERVISOR

Put = Callable[[datetime], None]
SAO_PAULO = ZoneInfo("America/Sao_Paulo")


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


async def test_the_clock_finds_an_audience_that_got_stuck(db: Database, gate: Gate, set_clock: Put) -> None:
    id = await started(db, gate, 2 * WINDOW)
    async with db.begin() as session:
        await session.run("delete from outbox")
    set_clock(now() + timedelta(minutes=2))

    await sending.keep_going(db)
    await settle(db)

    assert await counted(db, id) == {"pending": WINDOW, "queued": WINDOW}
