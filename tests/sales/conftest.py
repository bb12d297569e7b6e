"""Sales beside neighbours that answer from plain data."""

from collections.abc import AsyncIterator

import pytest

from deploy.local import credentials
from services.kit.db import Database
from services.kit.tokens import Callers
from services.sales import peers
from services.sales.settings import Settings
from tests.sales.neighbours import Neighbours, serving


@pytest.fixture
async def neighbours(db: Database) -> AsyncIterator[Neighbours]:
    neighbours = Neighbours()
    private, _ = credentials.key_pair()
    async with serving(neighbours) as address:
        settings = Settings(
            service_key=private, identity_addr=address, messaging_addr=address, intelligence_addr=address
        )
        await peers.start(settings, db, Callers("sales", settings))
        yield neighbours
