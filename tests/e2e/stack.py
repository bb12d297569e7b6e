"""The whole system in processes of its own, as `make run` starts it, and what a test does to it."""

import asyncio
import json
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import httpx2
import psutil
import psycopg
from psycopg.rows import dict_row

from tests import canaries, conformance
from tests.support import GIVEN, open_folder

ROOT = Path(__file__).parents[2]
READY_WITHIN = 90.0
HOOKS: dict[str, list[Callable[..., Any]]] = {
    "request": [canaries.note_request],
    "response": [conformance.check, canaries.note_response],
}
ENTRUSTED = """
    select content as content, null as phone, null as jid from messaging.messages
    union select null, phone_number, remote_jid from messaging.contacts
    union select last_message_preview, null, null from messaging.conversations
"""


@dataclass
class Stack:
    url: str
    home: Path
    process: subprocess.Popen[bytes]
    client: httpx2.AsyncClient = field(init=False)

    def __post_init__(self) -> None:
        self.client = httpx2.AsyncClient(base_url=self.url, timeout=60, trust_env=False, event_hooks=HOOKS)

    async def call(
        self, method: str, path: str, body: Any = None, *, token: str | None = None, expect: int = 200
    ) -> dict[str, Any]:
        """The JSON of an answer, which has this status."""
        headers = {"authorization": f"Bearer {token}"} if token else {}
        answer = await self.client.request(method, path, json=body, headers=headers)
        assert answer.status_code == expect, (method, path, answer.status_code, answer.text)
        content: dict[str, Any] = answer.json() if answer.content else {}
        return content

    def members(self, name: str) -> list[psutil.Process]:
        """The living processes of a part: `messaging`, `nats`, `gateway`, ..."""
        everything = psutil.Process(self.process.pid).children(recursive=True)
        return [one for one in everything if _is(one, name)]

    def postmaster(self) -> psutil.Process:
        return min(self.members("postgres"), key=lambda one: one.create_time())

    def database_url(self) -> str:
        """PostgreSQL's own user, at the port on which the embedded server listens."""
        secrets = json.loads((self.home / "secrets.json").read_text())
        listening = [one for one in self.postmaster().net_connections() if one.status == "LISTEN"]
        port = listening[0].laddr.port
        return f"postgresql://postgres:{secrets['database_password']}@127.0.0.1:{port}/convo"

    def kill(self, name: str) -> None:
        """SIGKILL, and no warning."""
        victims = self.members(name)
        assert victims, f"no process is called {name}"
        for victim in victims:
            victim.send_signal(signal.SIGKILL)

    def asleep(self, *names: str) -> AbstractContextManager[None]:
        """These parts do nothing for a while."""
        return stopped([one for name in names for one in self.members(name)])

    def logs(self) -> str:
        return "\n".join(path.read_text(errors="replace") for path in (self.home / "logs").glob("*.log"))


@contextmanager
def stopped(processes: Sequence[psutil.Process]) -> Iterator[None]:
    for one in processes:
        one.suspend()
    try:
        yield
    finally:
        for one in processes:
            one.resume()


def _is(process: psutil.Process, name: str) -> bool:
    try:
        return str(process.name()).startswith(name)
    except psutil.NoSuchProcess:
        return False


@asynccontextmanager
async def running(home: Path, **environment: str) -> AsyncIterator[Stack]:
    port = free_port()
    output = (home / "run.log").open("wb")
    process = _start(home, port, output, environment)
    stack = Stack(f"http://127.0.0.1:{port}", home, process)
    try:
        await ready(stack)
        yield stack
    finally:
        await stack.client.aclose()
        process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(process.wait, 40)
        output.close()


@asynccontextmanager
async def watched(**environment: str) -> AsyncIterator[Stack]:
    """In a folder of its own. Once it has ended, none of its logs holds what was entrusted to it."""
    with open_folder() as home:
        async with running(home, **environment) as stack:
            yield stack
            note_what_is_stored(home)
        found = canaries.leaked(home / "logs", canaries.sent)
        assert not found, "\n".join(found[:10])


def note_what_is_stored(home: Path) -> None:
    url = json.loads((home / "running.json").read_text())["DATABASE_URL"]
    with psycopg.connect(url, row_factory=dict_row) as connection:
        for row in connection.execute(ENTRUSTED):
            canaries.note(row)


def _start(home: Path, port: int, output: IO[bytes], environment: dict[str, str]) -> subprocess.Popen[bytes]:
    ours = {"CONVO_HOME": str(home), "PORT": str(port), "NO_COLOR": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "deploy.local"],
        cwd=ROOT,
        env={**GIVEN, **ours, **environment},
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


async def ready(stack: Stack) -> None:
    async with asyncio.timeout(READY_WITHIN):
        while True:
            assert stack.process.poll() is None, (stack.home / "run.log").read_text()
            try:
                if (await stack.client.get("/readyz")).status_code == 200:
                    return
            except httpx2.TransportError:
                pass
            await asyncio.sleep(0.1)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
