"""D4: what the system leans on is gone, one thing after the other, and only what needs it fails."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx2
import psycopg

from tests.bench.office import Office, opened
from tests.e2e.stack import stopped
from tests.fakes import groq as fake
from tests.faults.ground import percentile
from tests.faults.torture import BEHIND, caught_up, post, scalar

PHONE = "5511944440001"
READS = {
    "messaging": "/api/conversations",
    "identity": "/api/auth/me",
    "sales": "/api/leads",
    "campaigns": "/api/campaigns",
    "knowledge": "/api/knowledge",
    "intelligence": "/api/ai/config",
}
FILE = {"file": ("foto.png", b"\x89PNG\r\n\x1a\n" + bytes(100), "image/png")}
AFTERWARDS = 0.5


@dataclass
class Verdict:
    asked: int = 0
    failed: list[str] = field(default_factory=list)  # though they do not need what is gone
    unharmed: list[str] = field(default_factory=list)  # faults that nothing shows
    ai_first: float = 0.0  # seconds of the first answers once the provider hangs, then of the slowest
    ai_afterwards: float = 0.0
    calm_p99: float = 0.0
    slowest_p99: float = 0.0  # of what does not need what is gone
    lag: int = 0  # events that wait while NATS is gone
    caught_up_after: float = 0.0

    @property
    def is_clean(self) -> bool:
        return self.asked > 0 and not self.failed + self.unharmed and self.ai_afterwards <= AFTERWARDS


@asynccontextmanager
async def leaning() -> AsyncIterator[tuple[Office, fake.Groq]]:
    async with fake.simulate() as groq, opened(GROQ_API_KEY=fake.KEY, GROQ_BASE_URL=groq.url) as office:
        yield office, groq


async def run(rounds: int, *, blamed: str = "sales") -> Verdict:
    """`blamed` is the service whose schema is said to be gone: the control says it of another."""
    verdict = Verdict()
    async with leaning() as (office, groq), httpx2.AsyncClient(timeout=30, trust_env=False) as client:
        assert await post(client, office, PHONE, "bom dia")
        verdict.calm_p99 = await _others(client, office, verdict, "nothing", rounds, set())
        groq.always = fake.Trouble(hang=600)
        await _ai(client, office, verdict)
        await _others(client, office, verdict, "groq", rounds, set())
        with stopped(office.stack.members("weed")):
            await _others(client, office, verdict, "s3", rounds, {"files"})
        with stopped(office.stack.members("nats")):
            await _others(client, office, verdict, "nats", rounds, set())
            verdict.lag = await scalar(office.stack.database_url(), BEHIND)
        verdict.unharmed += [] if verdict.lag else ["nats"]
        verdict.caught_up_after = round(await caught_up(office.stack.database_url()), 1)
        async with _locked_out(office, "sales"):
            await _others(client, office, verdict, "a schema", rounds, {blamed})
    return verdict


async def _ai(client: httpx2.AsyncClient, office: Office, verdict: Verdict) -> None:
    """Three at once wait for a provider that hangs; whoever asks then is answered without it."""
    (conversation,) = (await office.get("/api/conversations"))["conversations"]
    body = {"conversationId": conversation["id"]}

    async def ask() -> float:
        began = time.monotonic()
        url = f"{office.stack.url}/api/ai/suggest-replies"
        answer = await client.post(url, json=body, headers=office.headers)
        assert answer.is_success, answer.text
        if not answer.json().get("fallback"):
            verdict.unharmed.append("groq")
        return round(time.monotonic() - began, 2)

    verdict.ai_first = max(await asyncio.gather(ask(), ask(), ask()))
    verdict.ai_afterwards = max([await ask() for _ in range(5)])


async def _others(
    client: httpx2.AsyncClient, office: Office, verdict: Verdict, gone: str, rounds: int, needy: set[str]
) -> float:
    """Everything is asked, at once and again; the time of what is not in need."""
    asks: dict[str, Callable[[int], Awaitable[int]]] = {
        name: lambda _, path=path: _read(client, office, path) for name, path in READS.items()
    } | {
        "files": lambda _: _upload(client, office),
        "webhook": lambda number: _say(client, office, gone, number),
    }
    waits, harmed = list[float](), False

    async def ask(name: str, number: int) -> None:
        nonlocal harmed
        verdict.asked += 1
        began = time.monotonic()
        try:
            status = await asks[name](number)
        except httpx2.TransportError:
            status = 599
        if name in needy:
            harmed = harmed or status >= 500
            return
        waits.append(time.monotonic() - began)
        if status >= 400:
            verdict.failed.append(f"{gone}: {name} {status}")

    for number in range(rounds):
        await asyncio.gather(*(ask(name, number) for name in asks if name not in needy or number == 0))
        await asyncio.sleep(0.05)
    if needy and not harmed:
        verdict.unharmed.append(gone)
    verdict.slowest_p99 = max(verdict.slowest_p99, round(percentile(waits, 0.99), 3))
    return round(percentile(waits, 0.99), 3)


async def _read(client: httpx2.AsyncClient, office: Office, path: str) -> int:
    return (await client.get(office.stack.url + path, headers=office.headers)).status_code


async def _upload(client: httpx2.AsyncClient, office: Office) -> int:
    url = f"{office.stack.url}/api/storage/upload"
    return (await client.post(url, files=FILE, headers=office.headers)).status_code


async def _say(client: httpx2.AsyncClient, office: Office, gone: str, number: int) -> int:
    return 200 if await post(client, office, PHONE, f"{gone} {number}") else 503


@asynccontextmanager
async def _locked_out(office: Office, service: str) -> AsyncIterator[None]:
    """PostgreSQL has nothing for this service any more."""
    async with await psycopg.AsyncConnection.connect(
        office.stack.database_url(), autocommit=True
    ) as connection:
        await connection.execute(f"alter role convo_{service} nologin".encode())
        await connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where usename = %s", [f"convo_{service}"]
        )
        try:
            yield
        finally:
            await connection.execute(f"alter role convo_{service} login".encode())
