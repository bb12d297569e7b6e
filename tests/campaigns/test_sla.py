"""Customers who wait too long, whatever order the events come in."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from protos import messaging_pb2 as messaging
from services.campaigns import sla
from services.kit.clock import now, rfc3339
from services.kit.db import Database, Row
from services.kit.tables import new_id
from tests.campaigns.messaging_server import Chat, Gate
from tests.campaigns.world import announced, at_once, escalation, rows_of, tell

Put = Callable[[datetime], None]
CONVERSATION = new_id()


def received(minutes: float, id: str = CONVERSATION) -> messaging.MessageReceived:
    at = rfc3339(now() - timedelta(minutes=minutes))
    return messaging.MessageReceived(conversation_id=id, timestamp=at, conversation_mode="human")


def sent(minutes: float, origin: str = "human", id: str = CONVERSATION) -> messaging.MessageSent:
    at = rfc3339(now() - timedelta(minutes=minutes))
    return messaging.MessageSent(conversation_id=id, timestamp=at, origin=origin)


async def violations(db: Database) -> list[Row]:
    return await rows_of(db, "select * from sla_violations order by created_at")


async def test_ten_sweeps_find_a_customer_who_waits_too_long_once(db: Database) -> None:
    await tell(db, received(29, new_id()), received(31))

    await at_once(*(sla.sweep(db) for _ in range(10)))
    await sla.sweep(db)

    (found,) = await violations(db)
    assert (found.violation_type, found.expected_time, found.actual_time, found.severity) == (
        "response_time",
        30,
        31,
        "medium",
    )
    assert (await announced(db)).count("SlaViolated") == 1


@pytest.mark.parametrize(
    ("priority", "minutes", "severity"),
    [("urgent", 16, "high"), ("high", 16, "high"), ("low", 31, None), ("low", 61, "low")],
)
async def test_urgent_conversations_are_promised_more(
    db: Database, gate: Gate, priority: str, minutes: int, severity: str | None
) -> None:
    chat = gate.open(Chat())
    await escalation(db, chat.id, priority=priority)
    await tell(db, received(minutes, chat.id))

    await sla.sweep(db)

    assert [row.severity for row in await violations(db)] == ([severity] if severity else [])


@pytest.mark.parametrize(
    ("events", "waits"),
    [
        ([received(40), sent(35)], False),
        ([sent(35), received(40)], False),
        ([received(50), received(40), sent(45)], True),
        ([received(40), sent(45), received(50)], True),
        ([sent(45), received(50), received(40)], True),
        ([received(40), sent(35, "campaign"), sent(34, "reminder")], True),
        ([received(40), sent(35, "ai")], False),
        ([received(40), received(5)], True),
    ],
)
async def test_the_newer_of_question_and_answer_decides_in_any_order(
    db: Database, events: list[messaging.MessageReceived | messaging.MessageSent], waits: bool
) -> None:
    await tell(db, *events, times=2)

    await sla.sweep(db)

    assert bool(await violations(db)) is waits


async def test_an_answer_ends_a_violation_and_the_next_wait_is_another(db: Database) -> None:
    await tell(db, received(60))
    await sla.sweep(db)

    await tell(db, sent(20))
    await tell(db, received(0))
    await sla.sweep(db)

    (ended,) = await violations(db)
    assert ended.ended_at
    assert ended.actual_time >= 60


async def test_who_closed_the_conversation_waits_no_more(db: Database) -> None:
    await tell(db, received(60))

    await tell(db, messaging.ConversationClosed(conversation_id=CONVERSATION, closed_by="x"))
    await sla.sweep(db)

    assert await violations(db) == []


async def test_groups_are_promised_nothing(db: Database) -> None:
    event = received(60)
    event.is_group = True

    await tell(db, event)
    await sla.sweep(db)

    assert await violations(db) == []
