"""The six services in this process, and gateways behind Envoy in processes of their own."""

import asyncio
import base64
import importlib
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import httpx2
import psutil
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from deploy.local import infrastructure, ports, process
from deploy.local.infrastructure import Addresses
from deploy.local.process import Running
from protos import identity_pb2 as pb
from protos.identity_pb2_grpc import IdentityStub
from services.kit import migrate
from services.kit import service as bootstrap
from services.kit.db import Database
from services.kit.peers import Peer, connect
from services.kit.service import Service
from services.kit.settings import Settings
from services.kit.tables import new_id
from services.kit.tokens import Callers, People
from tests import conformance

ROOT = Path(__file__).parents[2]
SERVICES = ("identity", "messaging", "intelligence", "sales", "campaigns", "knowledge")
PASSWORD = "uma senha longa"


@dataclass
class House:
    """`private` and `public` are the keys by which the services know each other; `admin` is a token."""

    addresses: Addresses
    folder: Path
    urls: dict[str, str]
    ports: dict[str, int]
    private: dict[str, str] = field(default_factory=dict)
    public: dict[str, str] = field(default_factory=dict)
    databases: dict[str, Database] = field(default_factory=dict)
    services: dict[str, Service] = field(default_factory=dict)
    admin: str = ""

    def environment(self, caller: str) -> dict[str, str]:
        """What a process of this name is told."""
        addresses = {f"{name}_addr": f"127.0.0.1:{port}" for name, port in self.ports.items()}
        return {
            **{name.lower(): value for name, value in self.addresses.environment.items()},
            **addresses,
            "app_env": "test",
            "jwt_secret": os.environ["JWT_SECRET"],
            "service_key": self.private[caller],
            "service_keys": json.dumps(self.public),
            "database_url": self.urls.get(caller, ""),
            "nats_url": self.addresses.nats_urls.get(caller, ""),
            "grpc_port": str(self.ports.get(caller, 0)),
        }

    def callers(self, name: str) -> Callers:
        return Callers(name, Settings(**self.environment(name)))  # type: ignore[arg-type]

    def peer(self, name: str, caller: str = "gateway") -> Peer:
        return Peer(name, f"127.0.0.1:{self.ports[name]}", self.callers(caller))


@dataclass
class Front:
    """Envoy and the gateways behind it."""

    url: str
    client: httpx2.AsyncClient
    gateways: list[psutil.Process]
    ports: list[int]
    admin_url: str

    async def call(
        self, method: str, path: str, body: Any = None, *, token: str | None = None, **more: Any
    ) -> httpx2.Response:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        return await self.client.request(
            method, path, json=body, headers={**headers, **more.pop("headers", {})}, **more
        )

    async def join(self, email: str | None = None) -> dict[str, Any]:
        """Somebody registers: what the answer says, with the token and the password's owner in it."""
        email = email or f"{new_id()}@empresa.com.br"
        person = {"email": email, "password": PASSWORD, "fullName": "Alguém"}
        answer = await self.call("POST", "/api/auth/register", person)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())


def described(name: str) -> Service:
    """What `python -m services.<name>` would run."""
    found: list[Service] = []
    run = bootstrap.run
    bootstrap.run = found.append  # type: ignore[assignment]
    try:
        importlib.import_module(f"services.{name}.__main__").main()
    finally:
        bootstrap.run = run
    return found[0]


def is_there(name: str) -> bool:
    return (ROOT / "services" / name / "__main__.py").exists()


@asynccontextmanager
async def built(addresses: Addresses, folder: Path) -> AsyncIterator[House]:
    url = addresses.database_url.rpartition("/")[0] + "/gateway"
    urls = await migrate.prepare(url, migrate.passwords("of the tests"))
    house = House(addresses, folder, urls, dict(zip(SERVICES, ports.free(len(SERVICES)), strict=True)))
    for name in (*SERVICES, "gateway", "stranger"):
        key = Ed25519PrivateKey.generate()
        house.private[name] = base64.b64encode(key.private_bytes_raw()).decode()
        if name != "stranger":
            public = key.public_key().public_bytes_raw()
            house.public[name] = base64.b64encode(public).decode()
    async with AsyncExitStack() as stack:
        for name in filter(is_there, SERVICES):
            await stack.enter_async_context(_serving(house, name))
        house.admin = await _first_person(house)
        yield house


async def _first_person(house: House) -> str:
    """The administrator's token."""
    peer = house.peer("identity")
    person = pb.RegisterRequest(
        email="ana@empresa.com.br", password=PASSWORD, full_name="Ana", client_address="127.0.0.1"
    )
    joined = await connect(IdentityStub, peer).Register(person)
    await peer.close()
    return joined.access_token


@asynccontextmanager
async def _serving(house: House, name: str) -> AsyncIterator[None]:
    service = house.services[name] = described(name)
    settings = service.settings(**house.environment(name))  # type: ignore[arg-type]
    db = house.databases[name] = Database(house.urls[name], schema=name)
    await db.open()
    callers = house.callers(name)
    if service.start:
        await service.start(settings, db, callers)
    keys = service.keys
    fetch = (lambda: keys(db)) if keys else house.peer("identity", name).keys
    door = service.door(db, callers, People(fetch))
    server = grpc.aio.server(options=bootstrap.OPTIONS)
    service.register(door, server)
    server.add_insecure_port(f"127.0.0.1:{house.ports[name]}")
    await server.start()
    yield
    door.hang_up()
    await server.stop(1)
    await db.close()


@asynccontextmanager
async def opened(house: House, replicas: int = 1, **environment: str) -> AsyncIterator[Front]:
    """Gateways with these settings, and Envoy before them, which knows that they are well."""
    port, admin_port, *gateways = ports.free(2 + replicas)
    folder = house.folder / f"front-{port}"
    folder.mkdir()
    async with AsyncExitStack() as stack:
        for number in gateways:
            part = _gateway(house, number, folder / f"gateway-{number}.log", environment)
            await stack.enter_async_context(process.running(part))
        edge = infrastructure.envoy(folder, port, admin_port, gateways, folder / "envoy.log")
        await stack.enter_async_context(process.running(edge))
        front = Front(
            f"http://127.0.0.1:{port}",
            await stack.enter_async_context(
                httpx2.AsyncClient(
                    base_url=f"http://127.0.0.1:{port}",
                    timeout=60,
                    trust_env=False,
                    event_hooks={"response": [conformance.check]},
                )
            ),
            [_listener(number) for number in gateways],
            gateways,
            f"http://127.0.0.1:{admin_port}",
        )
        async with asyncio.timeout(30):
            await process.until(lambda: _all_well(front))
        yield front


def _gateway(house: House, port: int, log: Path, environment: Mapping[str, str]) -> process.Part:
    told = {name.upper(): value for name, value in house.environment("gateway").items()}
    path = {"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]}

    async def launch() -> Running:
        return await process.spawn(
            [sys.executable, "-m", "gateway"],
            log,
            environment={**path, **told, "DRAIN_S": "0", "HTTP_PORT": str(port), **environment},
        )

    async def ready(_: Running) -> None:
        await process.until(lambda: process.answers(port, "/readyz"))

    return process.Part(f"gateway-{port}", port, log, launch, ready, patience=120, grace=20)


def _listener(port: int) -> psutil.Process:
    return next(
        psutil.Process(one.pid)
        for one in psutil.net_connections("tcp")
        if one.status == psutil.CONN_LISTEN and one.laddr.port == port
    )


async def _all_well(front: Front) -> bool:
    answer = await front.client.get(f"{front.admin_url}/clusters?format=json")
    hosts = [host for status in answer.json()["cluster_statuses"] for host in status.get("host_statuses", [])]
    return len(hosts) == len(front.ports) and all(
        host["health_status"].get("eds_health_status") == "HEALTHY"
        and not host["health_status"].get("failed_active_health_check")
        for host in hosts
    )
