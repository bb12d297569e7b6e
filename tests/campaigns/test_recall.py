"""Pausing, resuming and cancelling a campaign that is being sent."""

import pytest

from protos import campaigns_pb2 as pb
from services.campaigns import recall, sending
from services.campaigns.campaigns import WrongStatus
from services.kit.db import Database
from services.kit.errors import Unavailable
from tests.campaigns.messaging_server import Gate, Trouble
from tests.campaigns.world import announced, at_once, campaign, counted, flow, row_of, settle, started, tell
from tests.support import SUPERVISOR


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
