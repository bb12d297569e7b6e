"""The bootstrap of every service: settings, database, bus, gRPC server, events, jobs, and an orderly end."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from signal import SIGINT, SIGTERM
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from services.kit import dead, jobs, leases, log, loop, outbox, retention, settings, subscriptions, telemetry
from services.kit.bus import Bus
from services.kit.db import Database
from services.kit.jobs import Job
from services.kit.peers import Peer
from services.kit.replicas import LARGEST
from services.kit.rpc import Door
from services.kit.settings import ServiceSettings
from services.kit.subscriptions import Subscription
from services.kit.tokens import Callers, FetchKeys, People

GRACE = 10.0
LIVE = "live"  # the probe that tells whether the event loop turns, and never anything else
PURGE = jobs.every(timedelta(hours=6), retention.purge)
OPTIONS = [
    ("grpc.so_reuseport", 0),
    ("grpc.http2.max_ping_strikes", 0),  # callers ask every twenty seconds whether we are there
    ("grpc.max_receive_message_length", LARGEST),
    ("grpc.max_send_message_length", LARGEST),
]


@dataclass(frozen=True)
class Service:
    """What a service is: its tables, and how to start it."""

    name: str
    settings: type[ServiceSettings]
    door: type[Door]
    register: Callable[[Any, Any], None]
    subscriptions: list[Subscription] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)
    start: Callable[[Any, Database, Callers], Awaitable[None]] | None = None
    keys: Callable[[Database], Awaitable[str]] | None = None


def run(service: Service) -> None:
    """Serve until SIGTERM; with `dead list` or `dead replay [id]` as arguments, do that instead."""
    configured = settings.load(service.settings)
    log.configure(service.name, configured.log_level)
    telemetry.configure(service.name)
    if sys.argv[1:2] == ["dead"]:
        loop.run(_dead(service, configured, sys.argv[2:]))
        return
    loop.run(_serve(service, configured))


async def _serve(service: Service, configured: ServiceSettings) -> None:
    ending = told_to_end()
    db = Database(configured.database_url, schema=service.name, size=configured.pool_size)
    bus = Bus(configured.nats_url, configured.replica, replicas=configured.nats_replicas)
    callers = Callers(service.name, configured)
    await db.open()
    if service.start:
        await service.start(configured, db, callers)
    door = service.door(db, callers, People(_fetch_keys(service, configured, db, callers)))
    server, probes = _server(service, door)
    server.add_insecure_port(f"{configured.grpc_host}:{configured.grpc_port}")
    await probes.set(LIVE, health_pb2.HealthCheckResponse.SERVING)
    await server.start()
    background = asyncio.create_task(_background(service, configured, db, bus))
    always = asyncio.create_task(jobs.keep_always(db, service.jobs))
    hinting = asyncio.create_task(outbox.keep_hinting(db, bus))
    _tell_ready(configured.ready_fd)
    log.log.info("service_started", replica=configured.replica)

    awaited: set[asyncio.Future[Any]] = {ending, background}
    await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
    bus.leaving = True
    background.cancel()
    await leave(probes, configured.drain_s if ending.done() and ending.result() is SIGTERM else 0)
    door.hang_up()
    await server.stop(GRACE)
    await leases.end([background, always, hinting], patience=GRACE)
    await bus.close()
    await db.close()
    log.log.info("service_stopped", replica=configured.replica)


def told_to_end() -> asyncio.Future[signal.Signals]:
    """SIGTERM or SIGINT. Call it before anybody may believe that we are ready for them."""
    loop = asyncio.get_running_loop()
    told: asyncio.Future[signal.Signals] = loop.create_future()

    def tell(number: signal.Signals) -> None:
        if not told.done():
            told.set_result(number)

    for number in (SIGTERM, SIGINT):
        loop.add_signal_handler(number, tell, number)
    return told


async def leave(probes: health.aio.HealthServicer, seconds: float) -> None:
    """Readiness ends first: callers follow it and go elsewhere, and only then the door is closed."""
    await probes.set("", health_pb2.HealthCheckResponse.NOT_SERVING)
    await asyncio.sleep(seconds)


def _server(service: Service, door: Door) -> tuple[grpc.aio.Server, health.aio.HealthServicer]:
    server = grpc.aio.server(options=OPTIONS)
    service.register(door, server)
    probes = health.aio.HealthServicer()  # "" says whether we are ready: we are, once the server listens
    health_pb2_grpc.add_HealthServicer_to_server(probes, server)
    return server, probes


def _fetch_keys(service: Service, configured: ServiceSettings, db: Database, callers: Callers) -> FetchKeys:
    if service.keys is not None:
        own = service.keys
        return lambda: own(db)
    return Peer("identity", configured.identity_addr, callers).keys


async def _background(service: Service, configured: ServiceSettings, db: Database, bus: Bus) -> None:
    """Everything that one replica does at a time: the relay, each subscription, each job."""
    await bus.open_patiently()
    works = {
        "relay": lambda: outbox.keep_relaying(db, bus),
        **subscriptions.works(db, bus, service.name, service.subscriptions),
        **jobs.works(db, [*service.jobs, PURGE]),
    }
    await leases.hold(db, configured.replica, works)


def _tell_ready(ready_fd: int | None) -> None:
    if ready_fd is not None:
        os.write(ready_fd, b"ready\n")
        os.close(ready_fd)


async def _dead(service: Service, configured: ServiceSettings, arguments: list[str]) -> None:
    db = Database(configured.database_url, schema=service.name, size=2)
    await db.open()
    if service.start:
        await service.start(configured, db, Callers(service.name, configured))
    if arguments[:1] == ["replay"]:
        await _replay(service, db, arguments[1] if len(arguments) > 1 else None)
    for letter in await dead.listing(db):
        print(*letter, sep="\t")  # noqa: T201
    await db.close()


async def _replay(service: Service, db: Database, id: str | None) -> None:
    lines = {line.durable(service.name): line for line in service.subscriptions}
    for letter in await dead.bodies(db, id):
        consumer = letter.consumer
        try:
            await subscriptions.handle(db, lines[consumer], consumer, letter.body, letter.event_id)
        except Exception as error:  # noqa: BLE001
            log.log.exception("event_stays_dead", consumer=consumer, event_id=letter.event_id, exc_info=error)
        else:
            await dead.rise(db, letter.id)
