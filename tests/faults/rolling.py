"""Fifty requests a second, while the replicas of every part are restarted one after the other, or frozen."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from signal import SIGTERM, Signals

import httpx2
import psutil

from deploy.local.process import answers
from services.kit.tables import new_id
from tests.bench.office import Office
from tests.faults import torture
from tests.faults.torture import Ledger, post

PARTS = ("gateway", "identity", "messaging", "intelligence", "sales", "campaigns", "knowledge")
RATE = 50
CUSTOMERS = 10
READS = (
    "/api/conversations",
    "/api/auth/me",
    "/api/leads",
    "/api/ai/status",
    "/api/campaigns",
    "/api/knowledge",
    "/api/users",
)
LEADS = "select count(*) from sales.leads where name like 'Cliente %'"
PATIENCE = 60.0


@dataclass
class Traffic:
    """What was asked, what failed and when it had begun, and what customers and people have written."""

    asked: int = 0
    failed: list[tuple[float, str]] = field(default_factory=list)
    ledger: Ledger = field(default_factory=Ledger)
    leads: int = 0

    def failed_since(self, began: float) -> list[tuple[float, str]]:
        return [(at, what) for at, what in self.failed if at >= began]


@dataclass
class Verdict:
    asked: int = 0
    failed: int = 0
    first: str = ""  # that failed
    leads_lost: int = 0
    messages: torture.Verdict = field(default_factory=torture.Verdict)

    @property
    def is_clean(self) -> bool:
        return self.messages.is_clean and not self.failed + self.leads_lost


async def run(office: Office, rounds: int, parts: Sequence[str] = PARTS, stop: Signals = SIGTERM) -> Verdict:
    """Every replica of every part restarts, in turn; the control kills them instead."""
    url = office.stack.database_url()
    async with traffic(office) as told:
        await asyncio.sleep(2)
        for part in [*parts] * rounds:
            await roll(office, part, stop)
        await asyncio.sleep(1)
    return Verdict(
        asked=told.asked,
        failed=len(told.failed),
        first=told.failed[0][1] if told.failed else "",
        leads_lost=told.leads - await torture.scalar(url, LEADS),
        messages=await torture.check(office, url, told.ledger),
    )


@asynccontextmanager
async def traffic(office: Office) -> AsyncIterator[Traffic]:
    """Reads of every service, customers' messages and new leads, at an even pace whatever the answers do."""
    told, tasks = Traffic(), set[asyncio.Task[None]]()
    limits = httpx2.Limits(max_connections=400)
    async with httpx2.AsyncClient(timeout=70, trust_env=False, limits=limits) as client:

        async def press() -> None:
            for number in itertools.count():
                task = asyncio.create_task(_ask(client, office, told, number))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
                await asyncio.sleep(1 / RATE)

        pressing = asyncio.create_task(press())
        try:
            yield told
        finally:
            pressing.cancel()
            await asyncio.gather(*tasks)


async def _ask(client: httpx2.AsyncClient, office: Office, told: Traffic, number: int) -> None:
    began = time.monotonic()
    told.asked += 1
    try:
        problem = await _one(client, office, told, number)
    except httpx2.TransportError as error:
        problem = type(error).__name__
    if problem:
        told.failed.append((began, problem))


async def _one(client: httpx2.AsyncClient, office: Office, told: Traffic, number: int) -> str | None:
    """What went wrong, if anything did."""
    url = office.stack.url
    if number % 3 == 0:
        phone = f"551197{number // 3 % CUSTOMERS:07d}"
        text = f"{phone}-{number}"
        told.ledger.attempted.setdefault(phone, set()).add(text)
        accepted = told.ledger.accepted.setdefault(phone, set())
        if not await post(client, office, phone, text):
            return "webhook"
        accepted.add(text)
        return None
    if number % 10 == 1:
        lead = {"name": f"Cliente {new_id()}", "title": "Interesse"}
        answer = await client.post(f"{url}/api/leads", json=lead, headers=office.headers)
        told.leads += answer.status_code == 201
    else:
        answer = await client.get(url + READS[number % len(READS)], headers=office.headers)
    if answer.is_success:
        return None
    return f"{answer.request.method} {answer.request.url.path} {answer.status_code} {answer.text[:200]}"


async def roll(office: Office, part: str, stop: Signals = SIGTERM) -> None:
    """Restart its replicas one after the other, as `kubectl rollout restart` does."""
    for process in office.stack.members(part):
        port = listens_on(process)
        process.send_signal(stop)
        await asyncio.to_thread(process.wait, PATIENCE)
        async with asyncio.timeout(PATIENCE):
            while not await is_back(part, port):  # noqa: ASYNC110 - another program sets no event of ours
                await asyncio.sleep(0.1)


def listens_on(process: psutil.Process) -> int:
    [port] = [one.laddr.port for one in process.net_connections("tcp") if one.status == psutil.CONN_LISTEN]
    return int(port)


async def is_back(part: str, port: int) -> bool:
    if part == "gateway":
        return await answers(port, "/readyz")
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True
