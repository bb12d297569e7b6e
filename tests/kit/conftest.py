"""The kit is tried on the schema of a service, once what its own tests announced is out of the way."""

from collections.abc import AsyncIterator

import pytest

from deploy.local.infrastructure import Addresses
from services.kit.bus import Bus
from services.kit.db import Database


@pytest.fixture
async def db(databases: dict[str, Database]) -> Database:
    database = databases["sales"]
    async with database.begin() as session:
        await session.run("delete from outbox where published_at is null")
    return database


@pytest.fixture
async def bus(addresses: Addresses) -> AsyncIterator[Bus]:
    bus = Bus(addresses.environment["NATS_URL"], "kit-tests")
    await bus.open()
    yield bus
    await bus.close()
