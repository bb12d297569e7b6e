"""What happens to escalations while they wait."""

from collections.abc import Callable
from datetime import datetime, timedelta

from services.campaigns import queue_timers
from services.kit.clock import now
from services.kit.db import Database
from tests.campaigns.colleagues import Identity
from tests.campaigns.messaging_server import Gate
from tests.campaigns.world import announced, at_once, rows_of, settle, waiting

Put = Callable[[datetime], None]


async def test_what_waits_becomes_more_urgent_once_in_each_stretch(
    db: Database, gate: Gate, by_hand: Identity, set_clock: Put
) -> None:
    agent = by_hand.add(status="offline")
    await waiting(db, gate, 2, priority="low")
    start = now()

    async def priorities_after(minutes: float) -> list[str]:
        set_clock(start + timedelta(minutes=minutes))
        await at_once(*(queue_timers.watch(db) for _ in range(10)))
        return [row.priority for row in await rows_of(db, "select priority from escalations")]

    assert await priorities_after(9) == ["low", "low"]
    assert await priorities_after(10.5) == ["medium", "medium"]
    assert await priorities_after(12) == ["medium", "medium"]
    assert await priorities_after(21) == ["high", "high"]
    assert await priorities_after(500) == ["urgent", "urgent"]
    assert await priorities_after(600) == ["urgent", "urgent"]
    assert (await announced(db)).count("EscalationPriorityChanged") == 6
    told = await rows_of(db, "select user_id from escalation_notifications where type = 'priority_change'")
    assert {row.user_id for row in told} == {agent}


async def test_what_waits_too_long_is_told_once_and_tried_again(
    db: Database, gate: Gate, identity: Identity, set_clock: Put
) -> None:
    agent = identity.add(status="offline")
    bosses = {identity.add("supervisor"), identity.add("admin")}
    (one,) = await waiting(db, gate, 1)
    identity.people[agent].status = "online"
    set_clock(now() + timedelta(minutes=31))

    await at_once(*(queue_timers.watch(db) for _ in range(10)))
    names = await settle(db)

    told = await rows_of(db, "select user_id from escalation_notifications where type = 'timeout_warning'")
    assert {row.user_id for row in told} == bosses
    assert names.count("DistributionDue") == 1
    assert gate.chats[one.conversation_id].assigned_to == agent
