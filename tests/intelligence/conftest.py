"""Intelligence among its neighbours: the real knowledge service, a desk of plain data, and a Groq of ours."""

import base64
import os
from collections.abc import AsyncIterator

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from protos.identity_pb2_grpc import add_IdentityServicer_to_server
from protos.knowledge_pb2_grpc import add_KnowledgeServicer_to_server
from protos.messaging_pb2_grpc import add_MessagingServicer_to_server
from services.intelligence import agents, llm, peers
from services.intelligence.settings import IntelligenceSettings
from services.kit.db import Database
from services.kit.tokens import Callers, People
from services.knowledge.rpc import Knowledge
from tests.fakes import groq as fake
from tests.fakes.groq import Groq
from tests.intelligence.desk import Desk

os.environ["AI_DEBOUNCE_S"] = "0"

PRIVATE = Ed25519PrivateKey.generate()
KEYS = {"intelligence": base64.b64encode(PRIVATE.public_key().public_bytes_raw()).decode()}


async def unknown() -> str:
    raise AssertionError("no person's token is used here")


@pytest.fixture(scope="session")
async def neighbours(databases: dict[str, Database]) -> AsyncIterator[Desk]:
    """The servers that intelligence calls, at their addresses."""
    settings = IntelligenceSettings(
        service_key=base64.b64encode(PRIVATE.private_bytes_raw()).decode(), service_keys=KEYS
    )
    desk = Desk()  # type: ignore[abstract]
    server = grpc.aio.server()
    add_MessagingServicer_to_server(desk, server)
    add_IdentityServicer_to_server(desk, server)
    door = Knowledge(databases["knowledge"], Callers("knowledge", settings), People(unknown))
    add_KnowledgeServicer_to_server(door, server)
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    addressed = settings.model_copy(
        update={"messaging_addr": address, "knowledge_addr": address, "identity_addr": address}
    )
    peers.open_channels(addressed, Callers("intelligence", settings))
    yield desk
    await server.stop(None)


@pytest.fixture
async def desk(neighbours: Desk, databases: dict[str, Database]) -> AsyncIterator[Desk]:
    llm.open_provider(IntelligenceSettings(ai_provider="local"))
    async with databases["intelligence"].begin() as session:
        await session.run("truncate ai_limits, ai_calls, response_templates, learning_examples cascade")
    agents.forget()
    yield neighbours
    neighbours.config.clear()
    neighbours.status = "sent"
    neighbours.loses_answers = False
    async with databases["knowledge"].begin() as session:
        await session.run("truncate knowledge_base, outbox")


@pytest.fixture
async def groq(desk: Desk) -> AsyncIterator[Groq]:
    """The provider is Groq, and Groq is ours."""
    async with fake.simulate() as groq:
        llm.open_provider(
            IntelligenceSettings(
                ai_provider="groq",
                groq_api_key=fake.KEY,
                groq_base_url=groq.url,
                ai_timeout_s=4,
            )
        )
        yield groq
