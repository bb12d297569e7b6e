"""Whatever real servers sent, in whatever order and however often it comes: the end is the same."""

import asyncio
import random
from itertools import zip_longest
from pathlib import Path
from typing import Any

import orjson
import pytest

from services.kit.db import Database
from services.kit.tables import new_id
from tests.messaging.builders import make_instance, picture, receive

RECORDED = Path(__file__).parent.parent / "fixtures" / "evolution" / "webhooks-2.3.6.jsonl"
BODIES: list[dict[str, Any]] = [orjson.loads(line)["body"] for line in RECORDED.read_bytes().splitlines()]
NAMES = sorted({body["instance"] for body in BODIES})

Picture = dict[str, dict[str, list[dict[str, Any]]]]


async def replay(db: Database, batches: list[list[dict[str, Any]]], *, together: bool = False) -> Picture:
    """The recorded bodies on instances of their own; what they leave."""
    run = new_id()
    instances = {name: await make_instance(db, f"{name}-{run}") for name in NAMES}

    async def deliver(batch: list[dict[str, Any]]) -> None:
        bodies = [orjson.dumps({**body, "instance": f"{body['instance']}-{run}"}) for body in batch]
        receipts = await receive(db, *bodies)
        assert {receipt.status for receipt in receipts} <= {200}
        assert not any(receipt.quarantined for receipt in receipts)

    async def deliver_in_turn(batch: list[dict[str, Any]]) -> None:
        async with at_once:
            await deliver(batch)

    if together:
        at_once = asyncio.Semaphore(6)
        await asyncio.gather(*map(deliver_in_turn, batches))
    else:
        for batch in batches:
            await deliver(batch)
    return {name: await picture(db, id) for name, id in instances.items()}


def differences(found: Picture, wanted: Picture) -> list[Any]:
    """Row by row, so that a failure can be read."""
    return [
        (name, table, mine, theirs)
        for name in wanted
        for table in wanted[name]
        for mine, theirs in zip_longest(found[name][table], wanted[name][table])
        if mine != theirs
    ]


@pytest.fixture(scope="module")
async def in_order(databases: dict[str, Database]) -> Picture:
    """One after the other, as they were sent."""
    return await replay(databases["messaging"], [[body] for body in BODIES])


async def test_the_recording_leaves_what_its_customers_said(in_order: Picture) -> None:
    messages = [message for known in in_order.values() for message in known["messages"]]
    assert len(messages) > 80
    assert {message["message_type"] for message in messages} >= {"text", "image", "audio", "document", "poll"}
    assert not any(message["content"] == "" for message in messages)


async def test_shuffled_the_end_is_the_same(db: Database, in_order: Picture) -> None:
    for seed in range(2):
        shuffled = random.Random(seed).sample(BODIES, len(BODIES))

        assert differences(await replay(db, [[body] for body in shuffled]), in_order) == [], seed


async def test_repeated_and_in_batches_the_end_is_the_same(db: Database, in_order: Picture) -> None:
    for seed in range(2):
        dice = random.Random(seed)
        bodies = dice.sample(BODIES * 3, len(BODIES) * 3)
        batches = [bodies[start : start + 40] for start in range(0, len(bodies), 40)]

        assert differences(await replay(db, batches), in_order) == [], seed


async def test_all_at_once_the_end_is_the_same(db: Database, in_order: Picture) -> None:
    for seed in range(2):
        dice = random.Random(seed)
        bodies = dice.sample(BODIES * 2, len(BODIES) * 2)
        batches = [bodies[start : start + dice.randint(1, 12)] for start in range(0, len(bodies), 12)]
        missing = [[body] for body in BODIES]

        assert differences(await replay(db, batches + missing, together=True), in_order) == [], seed
