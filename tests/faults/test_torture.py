"""A short slice of `make torture`; its control shows that the count sees what is wrong."""

from collections.abc import AsyncIterator

import pytest

from tests.bench.office import Office, opened
from tests.faults.runs import SEEDS
from tests.faults.torture import caught_up, check, tamper, torture, write_some

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
async def office() -> AsyncIterator[Office]:
    async with opened() as office:
        yield office


@pytest.fixture(scope="module")
def url(office: Office) -> str:
    return office.stack.database_url()


async def test_whatever_dies_each_accepted_message_is_there_once_and_counted_once(
    office: Office, url: str
) -> None:
    ledger = await torture(office, seed=SEEDS[0], rounds=2)

    verdict = await check(office, url, ledger)
    assert verdict.is_clean, verdict


async def test_control_the_count_finds_one_lost_message_and_one_doubled_effect(
    office: Office, url: str
) -> None:
    ledger = await write_some(office, "5511970000001", 12)
    await caught_up(url)

    await tamper(url)

    verdict = await check(office, url, ledger)
    assert verdict.lost == 1
    assert verdict.miscounted >= 1
