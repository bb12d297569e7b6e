"""PostgreSQL, NATS and S3 as the stack and the tests start them."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import boto3
import nats
import psutil
import psycopg
import pytest

from deploy.local import credentials, infrastructure, ports, postgres, process
from deploy.local.infrastructure import Addresses
from deploy.local.process import Died

START_AND_WAIT = """
import asyncio, sys
from pathlib import Path
from deploy.local import infrastructure

async def main():
    async with infrastructure.started(Path(sys.argv[1]), durable=True):
        print("started", flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


def bucket(addresses: Addresses) -> Any:
    environment = addresses.environment
    s3 = boto3.resource(
        "s3",
        endpoint_url=environment["S3_ENDPOINT"],
        region_name=environment["S3_REGION"],
        aws_access_key_id=environment["S3_ACCESS_KEY"],
        aws_secret_access_key=environment["S3_SECRET_KEY"],
    )
    return s3.Bucket(environment["S3_BUCKET"])


@contextlib.asynccontextmanager
async def server(folder: Path, *, password: str = "the-password") -> AsyncIterator[str]:
    """PostgreSQL alone, as `make run` starts it; its URL."""
    [port] = ports.free(1)
    part = postgres.server(postgres.site(folder), port, password, folder / "postgres.log")
    async with process.running(part):
        yield postgres.url(port, password)


def processes_of(folder: Path) -> list[psutil.Process]:
    return [
        process for process in psutil.process_iter(["cmdline"]) if str(folder) in str(process.info["cmdline"])
    ]


async def none_of(folder: Path) -> bool:
    return not processes_of(folder)


async def write(addresses: Addresses) -> None:
    async with await psycopg.AsyncConnection.connect(addresses.database_url, autocommit=True) as connection:
        await connection.execute("create table notes as select 'kept' as text")
    broker = await nats.connect(addresses.environment["NATS_URL"])
    await broker.jetstream().add_stream(name="notes", subjects=["notes"])
    await broker.jetstream().publish("notes", b"kept")
    await broker.close()
    await asyncio.to_thread(bucket(addresses).put_object, Key="note", Body=b"kept")


async def read(addresses: Addresses) -> list[str]:
    async with await psycopg.AsyncConnection.connect(addresses.database_url) as connection:
        row = await (await connection.execute("select text from notes")).fetchone()
    broker = await nats.connect(addresses.environment["NATS_URL"])
    message = await broker.jetstream().get_last_msg("notes", "notes")
    await broker.close()
    stored = await asyncio.to_thread(lambda: bucket(addresses).Object("note").get()["Body"].read())
    return [row[0] if row else "", (message.data or b"").decode(), stored.decode()]


async def test_the_parts_leave_no_process_behind(folder: Path) -> None:
    async with infrastructure.started(folder):
        running = processes_of(folder)

    assert len(running) >= 3
    assert processes_of(folder) == []


async def test_the_parts_end_with_whoever_started_them_even_if_that_is_killed(folder: Path) -> None:
    starter = await asyncio.create_subprocess_exec(
        sys.executable, "-c", START_AND_WAIT, folder, stdout=asyncio.subprocess.PIPE
    )
    assert starter.stdout is not None
    await starter.stdout.readline()

    starter.kill()
    await starter.wait()

    await asyncio.wait_for(process.until(lambda: none_of(folder)), 10)


async def test_what_was_written_is_there_after_a_restart(folder: Path) -> None:
    async with infrastructure.started(folder, durable=True) as addresses:
        await write(addresses)

    async with infrastructure.started(folder, durable=True) as addresses:
        found = await read(addresses)

    assert found == ["kept", "kept", "kept"]


async def test_a_durable_server_acknowledges_only_what_is_on_the_disk(folder: Path) -> None:
    names = ("fsync", "synchronous_commit", "full_page_writes")

    async with server(folder) as url, await psycopg.AsyncConnection.connect(url) as connection:
        rows = [await (await connection.execute(f"show {name}")).fetchone() for name in names]

    assert rows == [("on",), ("on",), ("on",)]


async def test_a_durable_stream_acknowledges_only_what_is_on_the_disk(folder: Path) -> None:
    port, monitor_port = ports.free(2)

    async with process.running(infrastructure.nats(folder, port, monitor_port, "token", folder / "nats.log")):
        configuration = (folder / "nats.conf").read_text()

    assert "sync_interval: always" in configuration


async def test_another_program_with_the_process_id_of_the_last_server_does_no_harm(folder: Path) -> None:
    async with server(folder):
        data = postgres.site(folder).data
    (data / "postmaster.pid").write_text(f"{os.getpid()}\n{data}\n1700000000\n5432\n\n127.0.0.1\n\n")

    async with server(folder) as url, await psycopg.AsyncConnection.connect(url) as connection:
        row = await (await connection.execute("select 1")).fetchone()

    assert row == (1,)


async def test_a_password_is_needed(folder: Path) -> None:
    async with server(folder) as url:
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            await psycopg.AsyncConnection.connect(url.replace("the-password", "a-guess"))


async def test_data_made_with_other_secrets_is_named_as_such(folder: Path) -> None:
    async with server(folder):
        pass

    with pytest.raises(Died, match="made with another"):
        async with server(folder, password="another"):
            pass


def test_secrets_are_made_once_and_are_for_their_owner_only(folder: Path) -> None:
    first = credentials.kept(folder)

    second = credentials.kept(folder)

    assert first == second
    assert (folder / "secrets.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to run PostgreSQL as another user")
async def test_a_folder_closed_to_postgres_has_a_substitute_that_goes_with_it(folder: Path) -> None:
    os.chmod(folder, 0o700)

    async with infrastructure.started(folder):
        data = postgres.site(folder).data

    assert folder not in data.parents
    assert not data.parent.exists()
