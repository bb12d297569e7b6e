"""The kit is tried on the schema of a service that its own tests leave alone."""

from collections.abc import AsyncIterator

import pytest

from deploy.local.infrastructure import Addresses
from services.kit.bus import Bus
from services.kit.db import Database


@pytest.fixture
def db(databases: dict[str, Database]) -> Database:
    return databases["sales"]


@pytest.fixture
async def bus(addresses: Addresses) -> AsyncIterator[Bus]:
    bus = Bus(addresses.environment["NATS_URL"], "kit-tests")
    await bus.open()
    yield bus
    await bus.close()
