"""One stack and one simulated WhatsApp for all stories of this folder."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest

from services.kit.tables import new_id
from tests.e2e import stack as stacks
from tests.e2e.stack import Stack
from tests.fakes.evolution import simulate
from tests.fakes.whatsapp import Simulator

Found = TypeVar("Found")

PASSWORD = "cavalo bateria grampo"  # not the one that `make run` shows as an example


@dataclass
class Office:
    """A company at work: its system, its WhatsApp, its administrator's token, its instance."""

    stack: Stack
    simulator: Simulator
    token: str
    instance: str
    instance_id: str

    async def call(self, method: str, path: str, body: Any = None, *, expect: int = 200) -> dict[str, Any]:
        return await self.stack.call(method, path, body, token=self.token, expect=expect)

    async def conversation(self, phone: str) -> dict[str, Any]:
        listed = await self.call("GET", f"/api/conversations?search={phone}")
        conversation: dict[str, Any] = listed["conversations"][0]
        return conversation

    async def greet(self, phone: str, mode: str) -> str:
        """A customer writes for the first time; the conversation's id, in the mode that is wanted."""
        external_id = self.simulator.say(phone, "Olá", instance=self.instance)
        await self.simulator.settled()
        assert external_id
        conversation = await self.conversation(phone)
        await self.call("POST", f"/api/conversations/{conversation['id']}/mode", {"mode": mode})
        return str(conversation["id"])


@pytest.fixture(scope="package")
async def stack() -> AsyncIterator[Stack]:
    async with stacks.watched(AI_DEBOUNCE_S="0.5", RATE_LIMIT_REQUESTS="100000") as stack:
        yield stack


@pytest.fixture(scope="package")
async def office(stack: Stack) -> AsyncIterator[Office]:
    async with furnished(stack) as office:
        always = {"workingHoursStart": "00:00", "workingHoursEnd": "00:00", "workingDays": [*range(7)]}
        await office.call("PUT", "/api/ai/config", {**always, "responseDelaySeconds": 0})
        yield office


@asynccontextmanager
async def furnished(stack: Stack) -> AsyncIterator[Office]:
    """With an administrator, and an instance of a simulated WhatsApp that tells what happens."""
    person = {"email": f"admin-{new_id()}@empresa.com.br", "password": PASSWORD, "fullName": "Ana Admin"}
    await stack.call("POST", "/api/auth/register", person, expect=201)
    tokens = await stack.call("POST", "/api/auth/login", person)
    async with simulate() as simulator:
        name = f"wa-{new_id()[-8:]}"
        simulator.instance(name)
        office = Office(stack, simulator, tokens["accessToken"], name, "")
        made = await office.call(
            "POST",
            "/api/whatsapp/instances",
            {"name": "Loja", "instanceName": name, "apiUrl": simulator.url, "apiKey": simulator.api_key},
            expect=201,
        )
        office.instance_id = made["instance"]["id"]
        await office.call(
            "POST",
            f"/api/whatsapp/instances/{office.instance_id}/configure-webhook",
            {"url": f"{stack.url}/api/whatsapp/webhooks/evolution"},
        )
        yield office


async def shown(
    read: Callable[[], Awaitable[Found]], true: Callable[[Found], bool], within: float = 60.0
) -> Found:
    """What is read, once it is as it should be."""
    end = time.monotonic() + within
    while not true(found := await read()):
        assert time.monotonic() < end, found
        await asyncio.sleep(0.2)
    return found
