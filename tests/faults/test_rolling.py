"""Two replicas of everything behind Envoy: nobody outside notices a restart, and a frozen one only briefly.

`make rolling ROUNDS=10` is the long form.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator

import pytest

from tests.bench.office import Office, opened
from tests.e2e.stack import stopped
from tests.faults.rolling import PARTS, RATE, roll, traffic
from tests.faults.torture import check, scalar

ROUNDS = int(os.environ.get("ROUNDS", "1"))
pytestmark = pytest.mark.timeout(400 * ROUNDS)

LEADS = "select count(*) from sales.leads where name like 'Cliente %'"


@pytest.fixture(scope="module")
async def office() -> AsyncIterator[Office]:
    async with opened(REPLICAS="2") as office:
        yield office


async def test_every_part_is_restarted_under_load_and_no_request_fails_and_no_event_is_lost(
    office: Office,
) -> None:
    async with traffic(office) as told:
        await asyncio.sleep(2)
        for part in PARTS * ROUNDS:
            await roll(office, part)
        await asyncio.sleep(1)

    assert told.failed == []
    assert told.asked > RATE * 20
    verdict = await check(office, office.stack.database_url(), told.ledger)
    assert verdict.is_clean, verdict
    assert await scalar(office.stack.database_url(), LEADS) == told.leads


async def test_errors_end_within_five_seconds_when_replicas_freeze(
    office: Office,
) -> None:
    frozen = [office.stack.members(part)[0] for part in ("gateway", "messaging", "sales")]
    async with traffic(office) as told:
        await asyncio.sleep(1)
        with stopped(frozen):
            began = time.monotonic()
            await asyncio.sleep(10)
        thawed = time.monotonic()
        await asyncio.sleep(3)

    assert told.failed_since(began + 5) == []
    assert told.failed_since(thawed) == []
