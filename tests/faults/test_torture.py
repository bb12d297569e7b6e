"""A short slice of `make torture`; its control shows that the count sees what is wrong."""

from collections.abc import AsyncIterator

import pytest

from tests.bench.office import Office, opened
from tests.faults.torture import (
    BEHIND,
    CATCH_UP,
    caught_up,
    check,
    lose_the_stream,
    poison,
    scalar,
    tamper,
    torture,
    write_some,
)

pytestmark = pytest.mark.timeout(240)

UNPUBLISHED = "select count(*) from messaging.outbox where published_at is null"
DEAD = "select count(*) from sales.dead_letters where consumer = 'sales-conversations-count'"


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
    ledger = await torture(office, seed=2026, rounds=2)

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


async def test_a_stream_that_is_deleted_with_unread_events_is_refilled(office: Office, url: str) -> None:
    (sales,) = office.stack.members("sales")
    sales.suspend()
    ledger = await write_some(office, "5511970000002", 12)
    while await scalar(url, UNPUBLISHED):
        pass
    unread = await scalar(url, BEHIND)

    await lose_the_stream(office)
    sales.resume()

    assert unread >= 12
    assert await caught_up(url) <= CATCH_UP
    verdict = await check(office, url, ledger)
    assert verdict.is_clean, verdict


async def test_poison_is_set_aside_and_holds_nobody_up(office: Office, url: str) -> None:
    await poison(office, 5)
    ledger = await write_some(office, "5511970000003", 12)

    verdict = await check(office, url, ledger)
    assert verdict.is_clean, verdict
    assert await scalar(url, DEAD) == 5
