"""The peers: small servers that do the same reads and writes on tables like ours, in the same PostgreSQL."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import jwt
import psycopg

from tests.bench.office import Office
from tests.e2e.stack import free_port

PEERS = Path(__file__).parent / "peers"
SECRET = "only for the peers: thirty-two bytes and more"
TOKEN = jwt.encode({"sub": "1", "role": "admin"}, SECRET)
COMMANDS = {
    "express": (["node", "server.js"], PEERS / "express"),
    "monolith": ([sys.executable, "server.py"], PEERS / "monolith"),
}


@dataclass(frozen=True)
class Rival:
    name: str
    url: str
    pids: tuple[int, ...]

    @property
    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {TOKEN}"}


async def prepare(url: str) -> None:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute("drop schema if exists peer cascade")
        await connection.execute((PEERS / "tables.sql").read_bytes())


@asynccontextmanager
async def running(name: str, office: Office) -> AsyncIterator[Rival]:
    """Its cost counts PostgreSQL's too: `pids` are the server and the postmaster."""
    command, folder = COMMANDS[name]
    port = free_port()
    given = {"PORT": str(port), "DATABASE_URL": office.stack.database_url(), "JWT_SECRET": SECRET}
    process = await asyncio.create_subprocess_exec(*command, cwd=folder, env={**os.environ, **given})
    url = f"http://127.0.0.1:{port}"
    try:
        await _answers(url)
        yield Rival(name, url, (process.pid, office.stack.postmaster().pid))
    finally:
        process.terminate()
        await process.wait()


async def _answers(url: str) -> None:
    async with asyncio.timeout(30), httpx2.AsyncClient(trust_env=False) as client:
        while True:
            try:
                await client.get(url)
                return
            except httpx2.TransportError:
                await asyncio.sleep(0.1)
