"""Any moment comes back: written, destroyed, recovered to before the destruction, exactly."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from deploy.convo import archive, recovery
from deploy.convo.archive import Failed
from deploy.convo.place import Place
from deploy.local import credentials, ports, postgres
from deploy.local.process import running
from services.kit import migrate

WRITE = "insert into words select generate_series(%s::int, %s::int)"
ALL = "select array_agg(number order by number) from words"
SWITCH = "select pg_switch_wal()"
HELD = "select count(*) from messaging.restores where reconciled_at is null"


@pytest.fixture
def place(folder: Path) -> Place:
    (folder / "logs").mkdir()
    return Place("http://127.0.0.1:1", folder, {"CONVO_ARCHIVE": str(folder / "archive")})


async def test_the_database_of_a_moment_comes_back_and_nothing_leaves(place: Place) -> None:
    site = await asyncio.to_thread(postgres.site, place.home)
    password = credentials.kept(place.home).database_password
    [port] = ports.free(1)
    url, log = postgres.url(port, password), place.home / "postgres.log"
    archiving = postgres.archiving(site, place.home / "archive")
    async with running(postgres.server(site, port, password, log, more=archiving)):
        await migrate.prepare(url, migrate.passwords("of the tests"))
        await execute(url, "create table words (number int)")
        await asyncio.to_thread(
            recovery.base, Place(place.api, place.home, {**place.environment, "DATABASE_URL": url})
        )
        await execute(url, WRITE, 1, 500)
        await asyncio.sleep(1.1)
        moment = datetime.now(UTC)
        await asyncio.sleep(0.5)
        await execute(url, WRITE, 501, 900)
        await execute(url, "drop schema messaging cascade")
        await execute(url, SWITCH)

    await recovery.recover(place, moment)

    async with running(postgres.server(site, port, password, log)):
        assert await execute(url, ALL) == [*range(1, 501)]
        assert await execute(url, HELD) == 1


async def test_a_backup_in_a_file_comes_back_whole_and_nothing_leaves(place: Place, tmp_path: Path) -> None:
    site = await asyncio.to_thread(postgres.site, place.home)
    password = credentials.kept(place.home).database_password
    [port] = ports.free(1)
    url, file = postgres.url(port, password), tmp_path / "all.dump"
    there = Place(place.api, place.home, {"DATABASE_URL": url})
    async with running(postgres.server(site, port, password, place.home / "postgres.log")):
        await migrate.prepare(url, migrate.passwords("of the tests"))
        await execute(url, "create table words (number int)")
        await execute(url, WRITE, 1, 500)
        await asyncio.to_thread(archive.backup, there, file)
        await execute(url, WRITE, 501, 900)
        await execute(url, "drop schema messaging cascade")

        await asyncio.to_thread(archive.restore, there, file)

        assert await execute(url, ALL) == [*range(1, 501)]
        assert await execute(url, HELD) == 1


async def test_there_is_nothing_to_recover_from_before_the_first_base_backup(place: Place) -> None:
    (place.home / "archive").mkdir()

    with pytest.raises(Failed, match="no base backup"):
        await recovery.recover(place, datetime.now(UTC))


async def execute(url: str, statement: str, *values: int) -> object:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        found = await connection.execute(statement.encode(), values)
        row = await found.fetchone() if found.description else None
        return row[0] if row else None
