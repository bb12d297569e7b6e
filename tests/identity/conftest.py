"""Identity as it stands after a start: settings, a signing key, and nobody registered."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import grpc
import pytest

from deploy.local import credentials
from protos.messaging_pb2_grpc import add_MessagingServicer_to_server
from services.identity import keys, peers
from services.identity.models import Base
from services.identity.settings import IdentitySettings
from services.kit import clock
from services.kit.db import Database
from services.kit.settings import load, vault
from services.kit.tokens import Callers, People
from services.messaging.rpc import Messaging

TABLES = ", ".join(table.name for table in Base.metadata.sorted_tables)


@pytest.fixture(autouse=True)
async def _empty_house(db: Database) -> AsyncIterator[None]:
    async with db.begin() as session:
        await session.run(f"truncate {TABLES} cascade")
        await keys.ensure(session)
    yield
    _forget_settings()


@pytest.fixture
async def messaging(db: Database, databases: dict[str, Database]) -> AsyncIterator[grpc.aio.Server]:
    """Messaging's door, which identity finds until the test stops it."""
    private, public = credentials.key_pair()
    known = IdentitySettings(service_key=private, service_keys={"identity": public})
    door = Messaging(databases["messaging"], Callers("messaging", known), People(lambda: keys.publish(db)))
    server = grpc.aio.server()
    add_MessagingServicer_to_server(door, server)
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    asking = known.model_copy(update={"messaging_addr": address})
    await peers.start(asking, db, Callers("identity", asking))
    yield server
    await server.stop(None)


@pytest.fixture
def set_variable(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Set a variable as if the service had started with it."""

    def change(name: str, value: str) -> None:
        monkeypatch.setenv(name, value)
        _forget_settings()

    return change


@pytest.fixture
def pass_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[float], None]:
    """Move the clock that rules read."""
    file = tmp_path / "offset"
    file.write_text("0")
    monkeypatch.setenv("CONVO_CLOCK_FILE", str(file))
    monkeypatch.setattr(clock, "_offset", 0.0)

    def forward(seconds: float) -> None:
        file.write_text(str(float(file.read_text()) + seconds))
        monkeypatch.setattr(clock, "_checked", -1.0)

    forward(0)
    return forward


def _forget_settings() -> None:
    load.cache_clear()
    vault.cache_clear()
