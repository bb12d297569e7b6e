"""Two replicas of everything behind Envoy: nobody outside notices a restart, and a frozen one only briefly.

`make torture RUN=D7 ROUNDS=10` is the long form.
"""

import asyncio
import signal
import time
from collections.abc import AsyncIterator

import pytest

from tests.bench.office import Office, opened
from tests.e2e.stack import stopped
from tests.faults.rolling import RATE, run, traffic

pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
async def office() -> AsyncIterator[Office]:
    async with opened(REPLICAS="2") as office:
        yield office


async def test_every_part_is_restarted_under_load_and_no_request_fails_and_no_event_is_lost(
    office: Office,
) -> None:
    verdict = await run(office, rounds=1)

    assert verdict.is_clean, verdict
    assert verdict.asked > RATE * 20


async def test_control_what_is_killed_instead_of_asked_to_end_fails_somebody(office: Office) -> None:
    verdict = await run(office, rounds=1, parts=["gateway"], stop=signal.SIGKILL)

    assert verdict.failed


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
