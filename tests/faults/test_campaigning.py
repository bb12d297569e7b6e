"""A short slice of the campaign's part of `make torture`, and its control."""

import pytest

from tests.e2e.conftest import shown
from tests.fakes.evolution_webhooks import Fault
from tests.faults.campaigning import FORGET_CLAIMS, begin, check, execute, opened, torture

pytestmark = pytest.mark.timeout(400)


async def test_whatever_fails_nobody_gets_a_campaign_twice_and_nobody_is_passed_over() -> None:
    async with opened() as office:
        verdict = await torture(office, seed=2026, rounds=4, people=200)

    assert verdict.is_clean, verdict
    assert verdict.recipients == 200
    assert verdict.unknown


async def test_control_without_claims_somebody_gets_it_twice() -> None:
    async with opened() as office:
        await execute(office, FORGET_CLAIMS)
        office.simulator.plan.faults = [Fault("slow", times=1000, seconds=0.5)]
        id = await begin(office, [f"5511766600{number:03d}" for number in range(20)])
        verdict = await shown(lambda: check(office, id), lambda it: it.doubled > 0)

    assert not verdict.is_clean
