"""A short slice of the campaign's part of `make torture`, and its control."""

import pytest

from tests.faults.campaigning import forgetful, opened, torture
from tests.faults.runs import SEEDS

pytestmark = pytest.mark.timeout(400)


async def test_whatever_fails_nobody_gets_a_campaign_twice_and_nobody_is_passed_over() -> None:
    async with opened() as office:
        verdict = await torture(office, seed=SEEDS[0], rounds=2, people=100)

    assert verdict.is_clean, verdict
    assert verdict.recipients == 100
    assert verdict.unknown


async def test_control_without_claims_somebody_gets_it_twice() -> None:
    async with opened() as office:
        verdict = await forgetful(office)

    assert not verdict.is_clean
