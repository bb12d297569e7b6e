"""Campaigns among its neighbours: servers of plain data, an empty house, and a clock that tests can move."""

from collections.abc import AsyncIterator, Callable
from datetime import datetime
from pathlib import Path

import grpc
import pytest

from protos.identity_pb2_grpc import add_IdentityServicer_to_server
from protos.intelligence_pb2_grpc import add_IntelligenceServicer_to_server
from protos.messaging_pb2_grpc import add_MessagingServicer_to_server
from protos.sales_pb2_grpc import add_SalesServicer_to_server
from services.campaigns import peers, workspace
from services.campaigns.settings import Settings
from services.kit import clock, migrate
from services.kit.db import Database
from services.kit.tokens import Callers
from tests.campaigns.colleagues import Identity, Intelligence, Sales
from tests.campaigns.messaging_server import Gate
from tests.support import JOAO, MARIA, SUPERVISOR

TABLES = ", ".join(table.name for table in migrate.metadata("campaigns").sorted_tables)


@pytest.fixture(scope="session")
async def neighbours(
    databases: dict[str, Database],
) -> AsyncIterator[tuple[Gate, Identity, Sales, Intelligence]]:
    """The servers that campaigns calls, at their address."""
    everybody = Gate(), Identity(), Sales(), Intelligence()  # type: ignore[abstract]
    gate, identity, sales, intelligence = everybody
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", -1)])
    add_MessagingServicer_to_server(gate, server)
    add_IdentityServicer_to_server(identity, server)
    add_SalesServicer_to_server(sales, server)
    add_IntelligenceServicer_to_server(intelligence, server)
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    names = ("identity_addr", "messaging_addr", "sales_addr", "intelligence_addr")
    settings = Settings().model_copy(update=dict.fromkeys(names, address))
    await peers.start(settings, databases["campaigns"], Callers("campaigns", settings))
    yield everybody
    await server.stop(None)


@pytest.fixture(autouse=True)
async def _empty_house(
    db: Database, neighbours: tuple[Gate, Identity, Sales, Intelligence], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with db.begin() as session:
        await session.run(f"truncate {TABLES} restart identity cascade")
    for neighbour in neighbours:
        neighbour.clear()
    monkeypatch.setattr(workspace, "_asked", float("-inf"))
    monkeypatch.setattr(workspace, "_known", {})


@pytest.fixture
def gate(neighbours: tuple[Gate, Identity, Sales, Intelligence]) -> Gate:
    return neighbours[0]


@pytest.fixture
def identity(neighbours: tuple[Gate, Identity, Sales, Intelligence]) -> Identity:
    return neighbours[1]


@pytest.fixture
def team(identity: Identity) -> None:
    for actor in (MARIA, JOAO, SUPERVISOR):
        identity.add(actor.role, id=actor.id)


@pytest.fixture
def sales(neighbours: tuple[Gate, Identity, Sales, Intelligence]) -> Sales:
    return neighbours[2]


@pytest.fixture
def intelligence(neighbours: tuple[Gate, Identity, Sales, Intelligence]) -> Intelligence:
    return neighbours[3]


@pytest.fixture
def set_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime], None]:
    """Put the clock to a time; it runs on from there."""
    file = tmp_path / "clock"
    monkeypatch.setenv("CONVO_CLOCK_FILE", str(file))
    monkeypatch.setattr(clock, "_offset", 0.0)

    def put(moment: datetime) -> None:
        file.write_text("0")
        monkeypatch.setattr(clock, "_checked", -1.0)
        offset = (moment - clock.now()).total_seconds()
        file.write_text(str(offset))
        monkeypatch.setattr(clock, "_checked", -1.0)

    return put


@pytest.fixture
def by_hand(identity: Identity) -> Identity:
    """Nothing is distributed by itself."""
    identity.config["escalations.auto_distribute"] = False
    return identity
