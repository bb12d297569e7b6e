"""The tables at work: real consumers, a real relay, and replicas that come and go."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from deploy.local.infrastructure import Addresses
from protos import campaigns_pb2 as pb
from protos import intelligence_pb2, messaging_pb2
from services.campaigns import starting
from services.campaigns.jobs import JOBS
from services.campaigns.rpc import Campaigns
from services.campaigns.subscriptions import SUBSCRIPTIONS
from services.kit import jobs, leases, outbox, subscriptions
from services.kit.bus import Bus
from services.kit.db import Database
from services.kit.leases import end
from services.kit.tables import new_id
from tests.campaigns.colleagues import Identity
from tests.campaigns.messaging_server import Chat, Gate
from tests.campaigns.world import campaign, counted, row_of, rows_of
from tests.support import SUPERVISOR


@pytest.fixture
async def bus(addresses: Addresses) -> AsyncIterator[Bus]:
    bus = Bus(addresses.environment["NATS_URL"], "campaigns-tests")
    await bus.open()
    yield bus
    await bus.close()


def replica(db: Database, bus: Bus) -> asyncio.Task[None]:
    """What `services.kit.service` does in the background of one process."""
    works = {
        "relay": lambda: outbox.keep_relaying(db, bus),
        **subscriptions.works(db, bus, "campaigns", SUBSCRIPTIONS),
        **jobs.works(db, JOBS),
    }
    return asyncio.create_task(leases.hold(db, new_id(), works))


@asynccontextmanager
async def replicas(db: Database, bus: Bus, count: int) -> AsyncIterator[list[asyncio.Task[None]]]:
    tasks = [replica(db, bus) for _ in range(count)]
    hinting = asyncio.create_task(outbox.keep_hinting(db, bus))
    yield tasks
    await end([*tasks, hinting], patience=1)


async def say(databases: dict[str, Database], service: str, bus: Bus, gate: Gate) -> None:
    """What the gate has to tell, through the outbox of the service that tells it."""
    events, gate.events = gate.events, []
    async with databases[service].begin() as session:
        await outbox.emit(session, *events)
    while await outbox.relay(databases[service], bus):
        pass


async def test_a_campaign_goes_through_although_a_replica_dies(
    db: Database, databases: dict[str, Database], bus: Bus, gate: Gate
) -> None:
    gate.add_contacts(160)
    draft = await campaign(db)

    async with replicas(db, bus, 2) as running, asyncio.timeout(90):
        await starting.send(db, SUPERVISOR, pb.SendCampaignRequest(id=draft.id))
        while (await row_of(db, draft.id)).status == "sending":
            gate.send_queued(30)
            await say(databases, "messaging", bus, gate)
            if len(gate.ledger) > 60 and len(running) == 2:
                await end([running.pop(0)], patience=1)
            await asyncio.sleep(0.2)

    assert not gate.doubled()
    assert await counted(db, draft.id) == {"sent": 160}


async def test_a_request_of_the_ai_agent_ends_on_somebodys_desk(
    db: Database, databases: dict[str, Database], bus: Bus, gate: Gate, identity: Identity
) -> None:
    chat = gate.open(Chat())
    agent = identity.add()
    gate.events.append(
        intelligence_pb2.EscalationRequested(
            conversation_id=chat.id, reason="ai_suggested", message_id=new_id()
        )
    )

    async with replicas(db, bus, 1), asyncio.timeout(60):
        await say(databases, "intelligence", bus, gate)
        while chat.assigned_to is None:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        gate.events.append(messaging_pb2.ConversationClosed(conversation_id=chat.id, closed_by=agent))
        chat.status = "closed"
        await say(databases, "messaging", bus, gate)
        while (await rows_of(db, "select status from escalations"))[0].status != "abandoned":  # noqa: ASYNC110
            await asyncio.sleep(0.1)

    assert (chat.mode, chat.assigned_to) == ("human", agent)


def test_every_call_of_the_proto_is_answered() -> None:
    calls = pb.DESCRIPTOR.services_by_name["Campaigns"].methods

    assert [call.name for call in calls if call.name not in vars(Campaigns)] == []


def test_no_two_lines_share_a_consumer() -> None:
    names = [line.durable("campaigns") for line in SUBSCRIPTIONS]

    assert len({*names}) == len(names)
