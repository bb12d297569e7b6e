"""Where the system is: the environment first, else what `make run` has noted."""

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from deploy.local import settings as configuration
from deploy.local.credentials import SERVICES
from services.kit.bus import Bus
from services.kit.db import Database


class NotFound(Exception):
    """What a command needs is not known here."""


@dataclass(frozen=True)
class Place:
    api: str
    home: Path
    environment: dict[str, str]

    def of(self, name: str) -> str:
        if name not in self.environment:
            raise NotFound(f"{name} is not set, and no `make run` has noted one in {self.home}.")
        return self.environment[name]

    @asynccontextmanager
    async def database(self, service: str) -> AsyncIterator[Database]:
        """One service's schema, as whoever DATABASE_URL names."""
        database = Database(self.of("DATABASE_URL"), schema=service, size=2)
        await database.open()
        try:
            yield database
        finally:
            await database.close()

    @asynccontextmanager
    async def bus(self) -> AsyncIterator[Bus]:
        bus = Bus(self.of("NATS_URL"), "convo")
        await bus.open()
        try:
            yield bus
        finally:
            await bus.close()


def find() -> Place:
    settings = configuration.load(os.environ, configuration.ROOT / ".env")
    note = settings.home / "running.json"
    noted: dict[str, str] = json.loads(note.read_text()) if note.exists() else {}
    environment = {**noted, **settings.given}
    return Place(environment.get("API_URL", f"http://127.0.0.1:{settings.port}"), settings.home, environment)


def client(place: Place) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(base_url=place.api, timeout=30, trust_env=False)


def services(names: list[str]) -> tuple[str, ...]:
    """The ones that are named, or all six."""
    unknown = set(names) - set(SERVICES)
    if unknown:
        raise NotFound(f"There is no service {', '.join(sorted(unknown))}.")
    return tuple(names) or SERVICES


Json = dict[str, Any]
