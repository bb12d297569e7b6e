"""What messaging needs besides a database: a simulated WhatsApp, and files."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from protos import messaging_pb2 as pb
from services.kit import jobs
from services.kit.db import Database
from services.kit.tables import new_id
from services.messaging import gate
from services.messaging.evolution.calls import Server
from tests.fakes.evolution import simulate
from tests.fakes.loopback import serve
from tests.fakes.whatsapp import Simulator
from tests.messaging.builders import inbox, make_instance, receive
from tests.messaging.endpoint import Endpoint


@pytest.fixture(scope="session")
async def sender(databases: dict[str, Database]) -> AsyncIterator[None]:
    """The gate at work, as in every replica."""
    work = asyncio.create_task(jobs.keep_always(databases["messaging"], [jobs.always(gate.run)]))
    yield
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)


@dataclass
class Shop:
    """An instance on a simulated WhatsApp, whose webhooks reach messaging."""

    db: Database
    simulator: Simulator
    instance: str
    name: str

    async def greeted_by(self, phone: str, text: str = "Olá") -> pb.Conversation:
        """A customer writes; the conversation."""
        self.simulator.say(phone, text, instance=self.name)
        await self.simulator.settled()
        (conversation,) = await inbox(self.db, search=phone, instance_id=self.instance)
        return conversation


@pytest.fixture
async def shop(db: Database, sender: None) -> AsyncIterator[Shop]:
    async def hook(request: Request) -> Response:
        (receipt,) = await receive(db, await request.body())
        return JSONResponse({"received": receipt.received}, receipt.status)

    name = f"loja-{new_id()[-8:]}"
    app = Starlette(routes=[Route("/hook", hook, methods=["POST"])])
    async with serve(app) as url, simulate() as simulator:
        simulator.instance(name, webhook=f"{url}/hook")
        instance = await make_instance(db, name, simulator.url)
        async with db.begin() as session:
            await session.run("update instances set status = 'connected' where id = %(id)s", id=instance)
        yield Shop(db, simulator, instance, name)


@pytest.fixture
async def strange_store() -> AsyncIterator[tuple[str, list[str]]]:
    """A server that is not Evolution's, and what it was asked."""
    asked: list[str] = []

    async def answer(request: Request) -> Response:
        asked.append(request.url.path)
        return Response(b"secret of the inner network")

    async with serve(Starlette(routes=[Route("/{path:path}", answer)])) as url:
        yield url.replace("127.0.0.1", "localhost"), asked


@pytest.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    endpoint = Endpoint()
    route = Route("/{path:path}", endpoint.receive, methods=["POST"])
    async with serve(Starlette(routes=[route])) as url:
        endpoint.url = f"{url}/hooks"
        yield endpoint


@pytest.fixture
async def simulator(endpoint: Endpoint) -> AsyncIterator[Simulator]:
    async with simulate() as simulator:
        simulator.instance("loja", webhook=endpoint.url)
        simulator.plan.retry_delay = 0.01
        yield simulator


@pytest.fixture
def server(simulator: Simulator) -> Server:
    return Server(simulator.url, "loja-token", "loja")
