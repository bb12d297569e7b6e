"""A campaign while everything around it fails: nobody gets it twice, and everybody's end is told.

Several workers announce, consume and tick at once and are ended in the middle of what they do; messaging
falls silent before and after it took effect; events come late, twice and out of order.
"""

import asyncio
import contextlib
import random

import pytest

from protos import campaigns_pb2 as pb
from services.campaigns import outcomes, recall, sending, starting
from services.kit.db import Database
from services.kit.errors import Refusal
from services.kit.leases import end
from tests.campaigns.messaging_server import Gate, Trouble, status
from tests.campaigns.world import TAKE, _dispatch, announced, campaign, counted, row_of, settle, tell
from tests.support import SUPERVISOR

PEOPLE = 200
ROUNDS = 40
PAUSED_EVERY = 6
WORKERS = 3


@pytest.fixture(autouse=True)
def _many_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (sending, outcomes):
        monkeypatch.setattr(module, "BATCH", 100)
        monkeypatch.setattr(module, "WINDOW", 150)


async def work(db: Database, chance: random.Random) -> None:
    """A worker: takes an announcement without losing it, or ticks."""
    while True:
        if chance.random() < 0.1:
            await sending.keep_going(db)
        async with db.begin() as session:
            row = await session.first(TAKE)
            if row is not None:
                await _dispatch(db, row.type, row.body, row.event_id)
        await asyncio.sleep(0)


async def worker(db: Database, chance: random.Random) -> None:
    """Comes back after everything but its end."""
    while True:
        with contextlib.suppress(Refusal):
            await work(db, chance)


async def storm(db: Database, gate: Gate, chance: random.Random, id: str) -> None:
    """Until the campaign is over, or for so many rounds."""
    workers = [asyncio.create_task(worker(db, chance)) for _ in range(WORKERS)]
    for number in range(ROUNDS):
        victim = chance.randrange(WORKERS)
        await end([workers[victim]], patience=1)
        workers[victim] = asyncio.create_task(worker(db, chance))
        await misfortune(db, gate, chance)
        if number % PAUSED_EVERY == 1:
            await press_pause(db, id)
        await asyncio.sleep(chance.random() * 0.05)
    await end(workers, patience=1)


async def misfortune(db: Database, gate: Gate, chance: random.Random) -> None:
    gate.troubles = [
        Trouble(method, 1, after_effect=chance.random() < 0.5)
        for method in ("QueueMessages", "CancelQueued", "CheckInstances")
        if chance.random() < 0.4
    ]
    gate.slow = chance.choice((0.0, 0.0, 0.05))
    if chance.random() < 0.1:
        gate.drop_queued("expired")
    gate.send_queued(chance.randrange(16))
    events, gate.events = gate.events, []
    events += [status(message, chance.choice(("delivered", "read"))) for message in gate.ledger[-5:]]
    chance.shuffle(events)
    for event in events:
        await tell(db, event, times=chance.choice((1, 1, 2)))


async def press_pause(db: Database, id: str) -> None:
    with contextlib.suppress(Refusal):
        await recall.pause(db, SUPERVISOR, pb.PauseCampaignRequest(id=id))
    with contextlib.suppress(Refusal):
        async with db.begin() as session:
            await recall.resume(session, SUPERVISOR, pb.ResumeCampaignRequest(id=id))


async def calm(db: Database, gate: Gate, id: str) -> None:
    """Everything works again, and what is left is brought to its end."""
    gate.troubles, gate.slow = [], 0.0
    with contextlib.suppress(Refusal):
        async with db.begin() as session:
            await recall.resume(session, SUPERVISOR, pb.ResumeCampaignRequest(id=id))
    for _ in range(40):
        await sending.keep_going(db)
        await settle(db)
        gate.send_queued()
        events, gate.events = gate.events, []
        await tell(db, *events)
        await settle(db)
        if (await row_of(db, id)).status == "completed":
            return


async def begun(db: Database, gate: Gate) -> str:
    gate.add_contacts(PEOPLE)
    draft = await campaign(db)
    await starting.send(db, SUPERVISOR, pb.SendCampaignRequest(id=draft.id))
    return draft.id


@pytest.mark.parametrize("seed", [1])
async def test_nobody_gets_a_campaign_twice_whatever_fails(db: Database, gate: Gate, seed: int) -> None:
    id = await begun(db, gate)

    await storm(db, gate, random.Random(seed), id)
    await calm(db, gate, id)

    assert not gate.doubled()
    assert {message.contact_id for message in gate.ledger} == {one.contact_id for one in gate.contacts}
    counts = await counted(db, id)
    assert sum(counts.values()) == PEOPLE
    assert {*counts} <= {"sent", "delivered", "read"}
    assert (await announced(db)).count("CampaignCompleted") == 1
    assert gate.calls["QueueMessages"] > PEOPLE / 100
    assert gate.calls["CancelQueued"] > 0


async def test_without_claiming_somebody_gets_it_twice(
    db: Database, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: the same storm finds the error when there is one."""
    monkeypatch.setattr(sending, "CLAIM", sending.CLAIM.replace("and status = 'pending'", ""))
    monkeypatch.setattr(sending, "NEXT", sending.NEXT.replace("and status = 'pending'", ""))
    id = await begun(db, gate)

    await storm(db, gate, random.Random(1), id)

    assert gate.doubled()
