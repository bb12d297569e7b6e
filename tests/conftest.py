"""Throw-away infrastructure for a test run, and a session on the schema of the folder that the test is in."""

import os
from collections.abc import AsyncIterator, Iterator

import pytest

from deploy.local import infrastructure
from deploy.local.infrastructure import Addresses
from services.kit import migrate
from services.kit.db import Database, Session
from tests import canaries
from tests.support import ENVIRONMENT, open_folder

os.environ |= ENVIRONMENT

WHOLE_SYSTEMS = ("e2e", "faults")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest comes first, so that no worker is left alone with it at the end."""
    items.sort(key=lambda item: item.path.parent.name not in WHOLE_SYSTEMS)


@pytest.fixture(scope="session", autouse=True)
def watched() -> Iterator[None]:
    with canaries.watching():
        yield


@pytest.fixture(autouse=True)
def nothing_private_is_logged(watched: None) -> Iterator[None]:
    canaries.logged.clear()
    yield
    assert not canaries.leaks(canaries.logged, canaries.sent)


class Undo(Exception):
    """Ends a test's transaction."""


@pytest.fixture(scope="session", autouse=True)
async def addresses() -> AsyncIterator[Addresses]:
    """In the environment before anything reads its settings, which happens once."""
    with open_folder() as folder:
        async with infrastructure.started(folder) as addresses:
            os.environ |= addresses.environment
            yield addresses


@pytest.fixture(scope="session")
async def urls(addresses: Addresses) -> dict[str, str]:
    """A migrated database: the URL of each service."""
    return await migrate.prepare(addresses.database_url, migrate.passwords("of the tests"))


@pytest.fixture(scope="session")
async def databases(urls: dict[str, str]) -> AsyncIterator[dict[str, Database]]:
    databases = {service: Database(url, schema=service) for service, url in urls.items()}
    for database in databases.values():
        await database.open()
    yield databases
    for database in databases.values():
        await database.close()


@pytest.fixture
def db(request: pytest.FixtureRequest, databases: dict[str, Database]) -> Database:
    """The database of the service that the test's folder is named for."""
    return databases[request.path.parent.name]


@pytest.fixture
async def session(db: Database) -> AsyncIterator[Session]:
    """A transaction that is undone when the test ends."""
    try:
        async with db.begin() as session:
            yield session
            raise Undo
    except Undo:
        pass
