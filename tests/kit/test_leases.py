"""Leases: one replica works at a time, and another takes over when it dies."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from services.kit import leases
from services.kit.db import Database
from services.kit.tables import new_id


def worker(log: list[str], name: str) -> Callable[[], Awaitable[None]]:
    async def work() -> None:
        while True:
            log.append(name)
            await asyncio.sleep(0.02)

    return work


async def test_one_of_two_replicas_works_and_the_other_takes_over(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "LIFETIME", 1.0)
    monkeypatch.setattr(leases, "RENEWAL", 0.2)
    log: list[str] = []
    name = new_id()
    first = asyncio.create_task(leases.hold(db, "first", {name: worker(log, "first")}))
    await asyncio.sleep(0.4)
    second = asyncio.create_task(leases.hold(db, "second", {name: worker(log, "second")}))
    await asyncio.sleep(0.6)

    assert set(log) == {"first"}

    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    log.clear()
    await asyncio.sleep(0.8)
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    assert set(log) == {"second"}


async def test_work_that_fails_is_begun_again(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "RENEWAL", 0.05)
    begun = 0

    async def work() -> None:
        nonlocal begun
        begun += 1
        raise KeyError

    holding = asyncio.create_task(leases.hold(db, "first", {new_id(): work}))
    await asyncio.sleep(0.5)
    holding.cancel()
    await asyncio.gather(holding, return_exceptions=True)

    assert begun > 1


async def test_work_that_did_not_hear_that_it_is_over_is_told_again() -> None:
    """As when `asyncio.wait_for` of Python 3.11 is cancelled in the instant in which it has its result."""
    deaf = 2

    async def work() -> None:
        nonlocal deaf
        while deaf:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                deaf -= 1
        await asyncio.sleep(60)

    task = asyncio.create_task(work())
    await asyncio.sleep(0)

    await asyncio.wait_for(leases.end([task], patience=0.2), timeout=10)

    assert task.cancelled()
