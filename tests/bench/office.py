"""Our system, booted for measuring: an administrator, an instance, and as many conversations as wanted."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.kit.tables import new_id
from tests.e2e import stack as stacks
from tests.e2e.stack import Stack
from tests.support import open_folder

PASSWORD = "uma senha longa"
UNLIMITED = "1000000000"
ALWAYS = {"workingHoursStart": "00:00", "workingHoursEnd": "00:00", "workingDays": [*range(7)]}


@dataclass
class Office:
    stack: Stack
    instance: str
    token: str

    @property
    def webhook(self) -> dict[str, str]:
        return {"url": f"{self.stack.url}/api/whatsapp/webhooks/evolution", "instance": self.instance}

    @property
    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token}"}

    async def get(self, path: str) -> dict[str, Any]:
        return await self.stack.call("GET", path, token=self.token)


def running(home: Path, **environment: str) -> AbstractAsyncContextManager[Stack]:
    return stacks.running(home, RATE_LIMIT_REQUESTS=UNLIMITED, **environment)


@asynccontextmanager
async def opened(**environment: str) -> AsyncIterator[Office]:
    with open_folder() as home:
        async with running(home, **environment) as stack:
            yield await furnish(stack)


async def furnish(stack: Stack) -> Office:
    person = {"email": "admin@empresa.com.br", "password": PASSWORD, "fullName": "Ana Admin"}
    await stack.call("POST", "/api/auth/register", person, expect=201)
    token = (await stack.call("POST", "/api/auth/login", person))["accessToken"]
    await stack.call("PUT", "/api/ai/config", ALWAYS, token=token)
    name = f"wa-{new_id()[-8:]}"
    instance = {"name": "Loja", "instanceName": name, "apiUrl": "http://127.0.0.1:9", "apiKey": "invented"}
    await stack.call("POST", "/api/whatsapp/instances", instance, token=token, expect=201)
    return Office(stack, name, token)
