"""A browser's event stream, as a test holds it: it comes back with the last id until it is closed."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import httpx2

from tests import conformance


@dataclass(frozen=True)
class Heard:
    id: int
    name: str
    data: dict[str, Any]
    at: float = field(default_factory=time.perf_counter, compare=False)


@dataclass
class Ear:
    client: httpx2.AsyncClient
    token: str
    last_id: str = ""
    heard: list[Heard] = field(default_factory=list)
    connections: int = 0
    refused: int = 0
    wrong: list[str] = field(default_factory=list)
    connected: asyncio.Event = field(default_factory=asyncio.Event)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def listen(self) -> None:
        while True:
            with suppress(httpx2.TransportError):
                await self._once()
            self.connected.clear()
            await asyncio.sleep(0.1)

    async def _once(self) -> None:
        headers = {"authorization": f"Bearer {self.token}"}
        if self.last_id:
            headers["last-event-id"] = self.last_id
        timeout = httpx2.Timeout(10, read=40)
        async with self.client.stream("GET", "/api/events", headers=headers, timeout=timeout) as answer:
            if answer.status_code != 200:
                self.refused = answer.status_code
                self.news.set()
                return
            self.connections += 1
            fields: dict[str, str] = {}
            async for line in answer.aiter_lines():
                if line:
                    name, _, value = line.partition(": ")
                    fields[name] = value
                else:
                    self._take(fields)
                    fields = {}

    def _take(self, fields: dict[str, str]) -> None:
        self.last_id = fields.get("id", self.last_id)
        if "data" in fields:
            heard = Heard(int(fields["id"]), fields["event"], json.loads(fields["data"]))
            self.heard.append(heard)
            self.wrong += conformance.event_problems(heard.name, heard.data)
        self.connected.set()
        self.news.set()

    async def until(self, true: Callable[[], bool], timeout: float = 15) -> None:
        async with asyncio.timeout(timeout):
            while not true():
                self.news.clear()
                await self.news.wait()

    def of(self, name: str) -> list[dict[str, Any]]:
        return [one.data for one in self.heard if one.name == name]


@asynccontextmanager
async def listening(client: httpx2.AsyncClient, token: str, last_id: str = "") -> AsyncIterator[Ear]:
    ear = Ear(client, token, last_id)
    task = asyncio.create_task(ear.listen())
    try:
        async with asyncio.timeout(15):
            await ear.connected.wait()
        yield ear
        assert not ear.wrong
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
