"""What a run has met: a torture in which nothing dies at a bad moment proves nothing."""

import json
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import psycopg
from nats.errors import Error as NatsError
from nats.js.api import ConsumerInfo

from deploy.local.infrastructure import nats_url
from services.kit.bus import STREAM, Bus
from tests.e2e.stack import Stack

CONSUMER = "sales-conversations-count"
UNPUBLISHED = """
    select (select count(*) from messaging.outbox where published_at is null),
        (select count(*) from sales.inbox where consumer = %s)
"""


@dataclass
class Met:
    died: Counter[str] = field(default_factory=Counter)
    before_publish: int = 0  # deaths after which something was committed and not published
    before_ack: int = 0  # deaths after which sales had taken in what it had not acknowledged
    redelivered: int = 0


@asynccontextmanager
async def operator(stack: Stack) -> AsyncIterator[Bus]:
    told = (stack.home / "nats.conf").read_text()
    secrets = json.loads((stack.home / "secrets.json").read_text())
    port = re.search(r"listen: *\"?127\.0\.0\.1:(\d+)", told)
    assert port, told
    bus = Bus(nats_url(int(port[1]), secrets["nats_token"], "operator"), "operator")
    await bus.open()
    try:
        yield bus
    finally:
        await bus.close()


async def note(met: Met, stack: Stack, died: list[str]) -> None:
    """As far as it can be seen: not while PostgreSQL or NATS is coming up again."""
    met.died.update(died)
    if not {"messaging", "sales", "nats"} & {*died} or {"postgres"} & {*died}:
        return
    try:
        async with await psycopg.AsyncConnection.connect(stack.database_url()) as connection:
            waiting, taken = await (await connection.execute(UNPUBLISHED, [CONSUMER])).fetchone() or (0, 0)
        met.before_publish += waiting > 0
        if "sales" in died and "nats" not in died:
            async with operator(stack) as bus:
                consumer = await bus.stream.consumer_info(STREAM, CONSUMER)
                done = await _given(bus, consumer) - (consumer.num_ack_pending or 0)
            met.before_ack += taken > done
    except (psycopg.OperationalError, NatsError, OSError, TimeoutError, ValueError, IndexError):
        return


async def redelivered(stack: Stack) -> int:
    """Deliveries that were not the first of their event, to all consumers, as JetStream counts them."""
    async with operator(stack) as bus:
        found = 0
        for consumer in await bus.stream.consumers_info(STREAM):
            deliveries = consumer.delivered.consumer_seq if consumer.delivered else 0
            found += max(0, deliveries - await _given(bus, consumer))
    return found


async def _given(bus: Bus, consumer: ConsumerInfo) -> int:
    """The events that it was given, however often."""
    topic = consumer.config.filter_subject or ""
    stream = await bus.stream.stream_info(STREAM, subjects_filter=topic)
    return (stream.state.subjects or {}).get(topic, 0) - (consumer.num_pending or 0)
