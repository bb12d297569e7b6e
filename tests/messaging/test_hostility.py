"""An Evolution that is slow, lies, answers twice and hangs up: nothing is sent twice, every end is told."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from protos import messaging_pb2 as pb
from services.kit import jobs
from services.kit.db import Database, Session
from services.messaging import deliveries, dispatching, gate, outcomes, sending
from services.messaging.evolution import outgoing
from services.messaging.sending import MessageNotSent, OutcomeUnknown
from tests.fakes.evolution_webhooks import Fault
from tests.messaging.builders import inbox, thread
from tests.messaging.conftest import Shop
from tests.support import INTELLIGENCE, SUPERVISOR

PHONES = [f"551198888{n:04d}" for n in range(4)]
NOT_ACCEPTED = ("status", "closed", "graph", "keyless", "drop")
ACCEPTED = ("slow", "late", "cut", "half", "twice", "garbage")
KINDS = (*NOT_ACCEPTED, *ACCEPTED, "none", "none")
PATIENCE = 0.6  # of a call, in this test


@pytest.fixture
async def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing, "SEND_TIMEOUT", PATIENCE)
    monkeypatch.setattr(dispatching, "PAUSES", (0.05, 0.1))
    monkeypatch.setattr(dispatching, "PATIENT_PAUSES", (0.05, 0.1, 0.1, 0.1))


@pytest.fixture
async def another_replica(databases: dict[str, Database]) -> AsyncIterator[None]:
    """A second gate on the same tables."""
    work = asyncio.create_task(jobs.keep_always(databases["messaging"], [jobs.always(gate.run)]))
    yield
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)


def misbehave(shop: Shop, seed: int, calls: int) -> None:
    """A fault for most of the next calls, the same for the same seed."""
    dice = random.Random(seed)
    plan = shop.simulator.plan
    plan.copies, plan.status_delay = 2, 0.01
    for _ in range(calls):
        kind = dice.choice(KINDS)
        status = dice.choice((429, 503, 500, 400)) if kind == "status" else 500
        seconds = dice.choice((0.1, PATIENCE + 0.3)) if kind in ("slow", "late") else 0.0
        plan.faults.append(Fault(kind, status=status, seconds=seconds, retry_after=0))


async def say(shop: Shop, conversation: str, text: str) -> None:
    """As an impatient client does: with its own id, and once more when it was not told of success."""
    request = pb.SendMessageRequest(
        conversation_id=conversation, content=text, client_message_id=text, skip_agent_prefix=True
    )
    for _ in range(2):
        try:
            await sending.send(shop.db, SUPERVISOR, request)
            return
        except (MessageNotSent, OutcomeUnknown):
            continue


async def queue(shop: Shop, contact: str, text: str) -> None:
    """As campaigns does: it says everything twice."""
    message = pb.QueuedMessage(
        key=f"{shop.name}:{text}",
        instance_id=shop.instance,
        contact_id=contact,
        content=text,
        origin="reminder",
    )
    for _ in range(2):
        async with shop.db.begin() as session:
            request = pb.QueueMessagesRequest(messages=[message])
            await deliveries.queue_messages(session, INTELLIGENCE, request)


async def storm(shop: Shop, each: int) -> list[pb.Conversation]:
    """People and services write to everybody at once."""
    conversations = [await shop.greeted_by(phone) for phone in PHONES]
    async with shop.db.begin() as session:
        await session.run("update instances set sends_per_minute = 600 where id = %(id)s", id=shop.instance)
    works = [
        say(shop, one.id, f"fala {who} {n}") for who, one in enumerate(conversations) for n in range(each)
    ] + [queue(shop, one.contact_id, f"aviso {who}") for who, one in enumerate(conversations)]
    await asyncio.gather(*works)
    return conversations


async def quiet(shop: Shop) -> None:
    """Until nothing waits and nothing is under way, here and over there."""
    waiting = "select count(*) from sends where instance_id = %(id)s and state in ('queued', 'dispatching')"
    async with asyncio.timeout(60):
        while True:
            async with shop.db.begin() as session:  # an instance that refused once may send again
                await session.run(
                    "update instances set status = 'connected' where id = %(id)s", id=shop.instance
                )
                await session.run(
                    "update gates set paused_until = now() where instance_id = %(id)s", id=shop.instance
                )
                left = await session.scalar(waiting, id=shop.instance)
            if not left:
                break
            await asyncio.sleep(0.2)
    await asyncio.sleep(PATIENCE + 0.5)
    await shop.simulator.settled()


def doubled(shop: Shop) -> list[str]:
    return [text for text, times in Counter(line.text for line in shop.simulator.ledger).items() if times > 1]


@pytest.mark.parametrize(("seed", "echo"), [(1, "beside"), (2, "first"), (3, "never"), (4, "beside")])
async def test_nothing_is_sent_twice_and_every_end_is_told_as_it_was(
    shop: Shop, hurried: None, another_replica: None, seed: int, echo: str
) -> None:
    misbehave(shop, seed, calls=40)
    shop.simulator.plan.echo = echo

    conversations = await storm(shop, each=5)
    await quiet(shop)

    assert doubled(shop) == []
    left = {line.text for line in shop.simulator.ledger}
    ends: dict[str, str] = {}
    for conversation in conversations:
        ours = [one for one in await thread(shop.db, conversation.id) if one.is_from_me]
        assert len({one.content for one in ours}) == len(ours)
        ends |= {one.content: one.status for one in ours}
    assert len(ends) == len(PHONES) * 6
    assert not [
        text for text, status in ends.items() if status in ("sent", "delivered", "read") and text not in left
    ]
    assert not [text for text, status in ends.items() if status == "failed" and text in left]
    assert echo == "never" or not [text for text in left if ends[text] not in ("sent", "delivered", "read")]
    assert len(await inbox(shop.db, instance_id=shop.instance)) == len(PHONES)


async def test_control_what_is_unknown_is_sent_again_where_nobody_forbids_it(
    shop: Shop, hurried: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def send_again(session: Session, id: str, detail: str) -> None:
        await outcomes.postponed(session, id, detail, timedelta(0), counts=True)

    monkeypatch.setattr(outcomes, "unknown", send_again)
    shop.simulator.plan.echo = "never"
    shop.simulator.plan.faults += [Fault("cut"), Fault("half"), Fault("garbage")]

    await storm(shop, each=1)
    await quiet(shop)

    assert doubled(shop)
