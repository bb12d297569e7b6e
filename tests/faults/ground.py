"""PostgreSQL, NATS and replicas of a small service, each a process of its own, to be harmed at will."""

import asyncio
import multiprocessing
import os
import random
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGSTOP, SIGTERM, Signals
from typing import Any

import psycopg
from sqlalchemy.schema import CreateIndex, CreateTable

from deploy.local import credentials, ports, postgres
from deploy.local.infrastructure import nats, nats_url
from deploy.local.process import Part, Running, running, stop, until_ready
from protos import messaging_pb2 as pb
from services.kit import outbox, tables
from services.kit.bus import STREAM, Bus, subject
from services.kit.db import DIALECT, Database
from services.kit.leases import end
from tests.faults import replica
from tests.support import open_folder

SERVICE = "faults"
CONSUMER = f"{SERVICE}-replica-take"  # what replica.py's line is called
TOPIC = subject(pb.ConversationRead.DESCRIPTOR.full_name)
APPLIED = """
    create table faults.applied (
        id bigint generated always as identity, key text not null, number int not null,
        at double precision not null default extract(epoch from clock_timestamp())
    )
"""
PATIENCE = 60.0


@dataclass
class Ground:
    folder: Path
    url: str
    nats_url: str
    db: Database
    bus: Bus
    nats: Part
    broker: Running
    replicas: dict[str, ForkServerProcess] = field(default_factory=dict)

    @property
    def store(self) -> Path:
        return self.folder / "nats"


@asynccontextmanager
async def opened(*, durable: bool = False) -> AsyncIterator[Ground]:
    with open_folder() as folder:
        database_port, port, monitor_port = ports.free(3)
        secrets = credentials.kept(folder)
        site = await asyncio.to_thread(postgres.site, folder)
        database = postgres.server(
            site, database_port, secrets.database_password, folder / "postgres.log", durable=durable
        )
        broker = nats(folder, port, monitor_port, secrets.nats_token, folder / "nats.log", durable=durable)
        async with running(database):
            url = postgres.url(database_port, secrets.database_password)
            await _make_tables(url)
            address = nats_url(port, secrets.nats_token, "operator")
            ground = Ground(
                folder, url, address, Database(url, schema=SERVICE, size=12), Bus(address, "ground"),
                broker, await broker.launch(),
            )  # fmt: skip
            try:
                await until_ready(broker, ground.broker)
                await ground.db.open()
                await ground.bus.open()
                hinting = asyncio.create_task(outbox.keep_hinting(ground.db, ground.bus))
                yield ground
                await end([hinting], patience=1)
            finally:
                await ground.bus.client.close()
                await ground.db.close()
                await stop(broker, ground.broker)
        if site.data.parent != folder:
            shutil.rmtree(site.data.parent)


async def _make_tables(url: str) -> None:
    kit = tables.metadata(SERVICE)
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute(f"create schema {SERVICE}")
        await connection.execute(APPLIED)
        for table in kit.sorted_tables:
            making: list[Any] = [CreateTable(table), *map(CreateIndex, table.indexes)]
            for made in making:
                await connection.execute(str(made.compile(dialect=DIALECT)).encode())
        for name, column in (("outbox", "created_at"), ("inbox", "received_at")):
            await connection.execute(
                f"alter table {SERVICE}.{name} alter {column} set default now()".encode()
            )


@asynccontextmanager
async def replicas(ground: Ground, names: Iterable[str], **manner: Any) -> AsyncIterator[None]:
    """Replicas of replica.py that are started anew when they die, on tables and a stream that are empty.

    A name that begins with `relay` only publishes, one with `take` only takes in.
    """
    await clear(ground)
    for name in names:
        begin(ground, name, manner)
    keeping = asyncio.create_task(_keep(ground, manner))
    try:
        yield
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        for process in ground.replicas.values():
            process.kill()
            process.join()
        ground.replicas.clear()


async def clear(ground: Ground) -> None:
    await execute(ground, "truncate outbox, inbox, dead_letters, leases, applied")
    await ground.bus.ensure_stream()
    await ground.bus.stream.delete_stream(STREAM)
    await ground.bus.ensure_stream()
    for log in ground.folder.glob("replica-*.log"):
        log.unlink()


def begin(ground: Ground, name: str, manner: dict[str, Any]) -> None:
    forks = multiprocessing.get_context("forkserver")
    forks.set_forkserver_preload([replica.__name__])
    process = forks.Process(
        target=replica.main,
        args=(name, ground.url, ground.nats_url, ground.folder / f"replica-{name}.log"),
        kwargs=manner,
        daemon=True,
    )
    process.start()
    ground.replicas[name] = process


async def _keep(ground: Ground, manner: dict[str, Any]) -> None:
    while True:
        for name, process in [*ground.replicas.items()]:
            if not process.is_alive():
                begin(ground, name, manner)
        await asyncio.sleep(0.1)


async def harm(ground: Ground, name: str, chance: random.Random, frozen: float) -> None:
    """Killed, asked to end, or frozen for longer than its leases live."""
    how = chance.choice((SIGKILL, SIGKILL, SIGTERM, SIGSTOP))
    signal_to(ground, name, how)
    if how == SIGSTOP:
        await asyncio.sleep(frozen)
        signal_to(ground, name, SIGCONT)


def signal_to(ground: Ground, name: str, number: Signals) -> None:
    process = ground.replicas[name]
    assert process.pid
    os.kill(process.pid, number)


async def holder(ground: Ground, work: str) -> str | None:
    """The replica that does it now."""
    found = await rows(ground, f"select holder from leases where name = '{work}'")
    return str(found[0][0]).partition(":")[0] if found else None


async def restart_nats(ground: Ground, damage: Callable[[Path], None] | None = None) -> None:
    """As after a crash of its machine: killed, and its store as it was found then."""
    ground.broker.send(SIGKILL)
    await ground.broker.exited
    if damage:
        await asyncio.to_thread(damage, ground.store)
    ground.broker = await ground.nats.launch()
    await until_ready(ground.nats, ground.broker)


async def announce(ground: Ground, *events: tuple[str, int]) -> None:
    async with ground.db.begin() as session:
        await outbox.emit(
            session,
            *(pb.ConversationRead(conversation_id=key, marked_count=number) for key, number in events),
        )


async def execute(ground: Ground, statement: str) -> None:
    async with ground.db.begin() as session:
        await session.run(statement)


async def rows(ground: Ground, statement: str) -> list[tuple[object, ...]]:
    async with ground.db.read() as session:
        return [tuple(row) for row in await session.all(statement)]


async def count(ground: Ground, statement: str) -> int:
    async with ground.db.read() as session:
        return int(await session.scalar(statement))


async def until(true: Callable[[], Awaitable[bool]], seconds: float = PATIENCE) -> float:
    """The seconds until it was; no more of them than these."""
    began = time.monotonic()
    while time.monotonic() - began < seconds and not await true():  # noqa: ASYNC110
        await asyncio.sleep(0.1)
    return time.monotonic() - began


async def redelivered(ground: Ground) -> int:
    """Deliveries that were not the first of their event, as JetStream counts them."""
    try:
        consumer = await ground.bus.stream.consumer_info(STREAM, CONSUMER)
        stream = await ground.bus.stream.stream_info(STREAM, subjects_filter=TOPIC)
    except Exception:  # noqa: BLE001 - it is only a figure
        return 0
    first = (stream.state.subjects or {}).get(TOPIC, 0) - (consumer.num_pending or 0)
    return max(0, (consumer.delivered.consumer_seq if consumer.delivered else 0) - first)


def logged(ground: Ground, event: str) -> int:
    return sum(log.read_text().count(event) for log in ground.folder.glob("replica-*.log"))


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] if values else float("inf")
