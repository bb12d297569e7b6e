"""Throw-away infrastructure for a test run, and a session on the schema of the folder that the test is in."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from deploy.local import infrastructure
from deploy.local.infrastructure import Addresses

from services.kit import migrate
from services.kit.db import Database, Session


class Undo(Exception):
    """Ends a test's transaction."""


@pytest.fixture(scope="session")
async def addresses(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Addresses]:
    async with infrastructure.started(tmp_path_factory.mktemp("infrastructure")) as addresses:
        yield addresses


@pytest.fixture(scope="session")
async def urls(addresses: Addresses) -> dict[str, str]:
    """A migrated database: the URL of each service."""
    return await migrate.prepare(addresses.database_url, migrate.passwords("of the tests"))


@pytest.fixture(scope="package")
async def db(request: pytest.FixtureRequest, urls: dict[str, str]) -> AsyncIterator[Database]:
    """The database of the service that the test's folder is named for."""
    service = Path(str(request.node.path)).name
    database = Database(urls[service], schema=service)
    await database.open()
    yield database
    await database.close()


@pytest.fixture
async def session(db: Database) -> AsyncIterator[Session]:
    """A transaction that is undone when the test ends."""
    try:
        async with db.begin() as session:
            yield session
            raise Undo
    except Undo:
        pass
