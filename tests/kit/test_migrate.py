"""Migrations of a system at work."""

import asyncio

import psycopg
import pytest
from alembic import command
from sqlalchemy.exc import OperationalError

from deploy.local.infrastructure import Addresses
from services.kit import migrate

SECRET = "of the tests"


@pytest.fixture
async def messaging(addresses: Addresses) -> str:
    """The URL of a schema that lacks its last migration, in a database of its own."""
    url = addresses.database_url.rpartition("/")[0] + "/migrated"
    urls = await migrate.prepare(url, migrate.passwords(SECRET))
    await asyncio.to_thread(command.downgrade, migrate._config("messaging", urls["messaging"]), "0005")
    return urls["messaging"]


async def test_a_migration_waits_for_whoever_is_at_work_without_holding_up_the_others(
    messaging: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "PAUSE", 0.2)
    async with await psycopg.AsyncConnection.connect(messaging) as reader:
        await reader.execute("select count(*) from messaging.sends")
        upgrading = asyncio.create_task(asyncio.to_thread(migrate.upgrade, "messaging", messaging))
        longest = 0.0
        for _ in range(3):
            await asyncio.sleep(0.4)
            longest = max(longest, await write(messaging))
        assert not upgrading.done()

    await upgrading

    assert longest < 2.5
    migrate.check("messaging", messaging)


async def test_control_with_one_try_it_would_have_failed(
    messaging: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "TRIES", 1)
    async with await psycopg.AsyncConnection.connect(messaging) as reader:
        await reader.execute("select count(*) from messaging.sends")

        with pytest.raises(OperationalError, match="lock timeout"):
            await asyncio.to_thread(migrate.upgrade, "messaging", messaging)


async def write(url: str) -> float:
    """Seconds that a statement on the table took, beside the migration that waits."""
    began = asyncio.get_running_loop().time()
    async with await psycopg.AsyncConnection.connect(url) as writer:
        await writer.execute("update messaging.sends set attempts = attempts where false")
    return asyncio.get_running_loop().time() - began
