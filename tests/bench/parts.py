"""What is measured: each part returns the lines of its table."""

import asyncio
import itertools
import statistics
import time
from collections import defaultdict
from contextlib import AsyncExitStack
from typing import Any

import psutil
import psycopg

from services.kit.tables import new_id
from tests.bench import rivals
from tests.bench.load import Measured, cpu_of, load
from tests.bench.office import Office
from tests.bench.rivals import Rival

Table = list[list[str]]

CONTACTS = 1000
ANSWERED = 50
CALLERS = 32
# Those who only listen: what messages set in motion in other contexts is not the peers' work.
LISTENERS = ("sales", "intelligence", "campaigns", "knowledge")
BUSY = 0.25  # seconds of CPU in one second
HEAD = ["", "requests/s", "p50 ms", "p99 ms", "refused", "CPU ms/request", "of which"]
RAW = """
    insert into peer.raw (id, conversation_id, instance_id, message_id, remote_jid, content, message_type,
        origin, is_from_me, status, timestamp)
    select %(id)s::uuid, conversation_id, instance_id, %(id)s::uuid::text, remote_jid, content, message_type,
        origin, is_from_me, status, now() from peer.messages where id = %(like)s
"""
ROUTES = {
    "one conversation": "conversations/{id}?messageLimit=1",
    "a page of 20": "conversations?limit=20",
}


async def ingest(office: Office, seconds: float, rounds: int) -> Table:
    """Ours and the peers' in turn; the best of each, by CPU.

    Alone, ours does what the peers do. Then every other service listens, and then the AI answers too.
    """
    found: dict[str, list[Measured]] = defaultdict(list)
    async with AsyncExitStack() as stack:
        peers = [await stack.enter_async_context(rivals.running(name, office)) for name in rivals.COMMANDS]
        for number in range(rounds + 1):  # the first one warms everybody up
            work: dict[str, Any] = {
                "contacts": CONTACTS,
                "callers": 64,
                "seconds": seconds,
                "run": f"{new_id()}-{number}-",
            }
            with office.stack.asleep(*LISTENERS):
                found["convo, alone"].append(await _take_in(office, settle=3, **work))
            for peer in peers:
                hook = {"url": f"{peer.url}/webhook", "instance": office.instance}
                found[peer.name].append(await load(peer.pids, webhook=hook, **work))
    raw = await _raw_limit(office.stack.database_url(), seconds)
    best = {name: min(some[1:], key=lambda one: one.total) for name, some in found.items()}
    lines = [HEAD, *(_line(name, one) for name, one in best.items()), *_ratios(best)]
    alone = best["convo, alone"]
    lines += [["raw limit", f"{raw:.0f}"], ["ours / raw limit", f"{alone.rate / raw:.2f} x"]]
    half = {"contacts": CONTACTS, "callers": 64, "seconds": seconds, "rate": int(alone.rate / 2)}
    await caught_up(office)
    with office.stack.asleep(*LISTENERS):
        lines.append(_line("convo, alone, half the rate", await _take_in(office, run=new_id(), **half)))
    everything = [
        ("convo, every service, AI off", "human", CONTACTS),
        (f"convo, every service, AI on for {ANSWERED} customers", "ai", ANSWERED),
    ]
    for title, mode, contacts in everything:
        await caught_up(office)
        await _set_mode(office.stack.database_url(), mode)
        work |= {"rate": 0, "contacts": contacts, "run": new_id()}
        lines.append(_line(title, await _take_in(office, settle=8, **work)))
    await _set_mode(office.stack.database_url(), "human")
    await caught_up(office)
    return lines


async def _take_in(office: Office, **work: Any) -> Measured:
    return await load([office.stack.process.pid], webhook=office.webhook, **work)


async def caught_up(office: Office) -> None:
    """Until an idle second passes: what was left to the listeners is done."""
    tree = [office.stack.process.pid]
    async with asyncio.timeout(600):
        while True:
            before = cpu_of(tree)
            await asyncio.sleep(1)
            if (cpu_of(tree) - before).total() < BUSY:
                return


async def _set_mode(url: str, mode: str) -> None:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute("update messaging.conversations set conversation_mode = %(m)s", {"m": mode})


async def reads(office: Office, seconds: float, rounds: int) -> Table:
    await rivals.prepare(office.stack.database_url())
    listed = (await office.get("/api/conversations?limit=20"))["conversations"]
    ids = [one["id"] for one in listed]
    table = [HEAD]
    async with AsyncExitStack() as stack:
        peers = [await stack.enter_async_context(rivals.running(name, office)) for name in rivals.COMMANDS]
        for title, route in ROUTES.items():
            paths = [route.format(id=id) for id in ids] if "{id}" in route else [route]
            best = await _interleaved(office, peers, paths, seconds, rounds)
            table += [[f"**{title}**"], *(_line(name, one) for name, one in best.items()), *_ratios(best)]
    return table


async def _interleaved(
    office: Office, peers: list[Rival], paths: list[str], seconds: float, rounds: int
) -> dict[str, Measured]:
    found: dict[str, list[Measured]] = defaultdict(list)
    for number in range(rounds + 1):  # the first one warms everybody up
        work: dict[str, Any] = {"callers": CALLERS, "seconds": seconds if number else 2}
        urls = [f"{office.stack.url}/api/{path}" for path in paths]
        ours = await load([office.stack.process.pid], urls=urls, headers=office.headers, **work)
        found["convo"].append(ours)
        for peer in peers:
            urls = [f"{peer.url}/{path}" for path in paths]
            found[peer.name].append(await load(peer.pids, urls=urls, headers=peer.headers, **work))
    return {name: min(some[1:], key=lambda one: one.total) for name, some in found.items()}


async def _raw_limit(url: str, seconds: float, connections: int = 16) -> float:
    """One committed insert a message, from as many connections as a pool has."""
    end = time.monotonic() + seconds

    async def insert() -> int:
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
            cursor = await connection.execute("select id from peer.messages limit 1")
            (like,) = await cursor.fetchone() or (None,)
            for count in itertools.count():
                if time.monotonic() > end:
                    return count
                await connection.execute(RAW, {"id": new_id(), "like": like}, prepare=True)
        return 0

    return sum(await asyncio.gather(*(insert() for _ in range(connections)))) / seconds


GROW = """
    with numbers as (
        select n, gen_random_uuid() as contact from generate_series(%(low)s::int, %(high)s::int) as n
    ), made as (
        insert into messaging.contacts (id, instance_id, phone_number, name, remote_jid, created_at,
            updated_at)
        select contact, %(instance)s, '5521' || (900000000 + n), 'Cliente ' || n,
            '5521' || (900000000 + n) || '@s.whatsapp.net', now(), now() from numbers returning id
    )
    insert into messaging.conversations (id, instance_id, contact_id, last_message_at, last_message_preview,
        created_at, updated_at)
    select gen_random_uuid(), %(instance)s, contact, now() - n * interval '1 second', 'Pedido ' || n, now(),
        now()
    from numbers
"""


async def growth(office: Office, sizes: list[int]) -> Table:
    table = [["conversations", "list p50 / p99 ms", "detail p50 / p99 ms", "search p50 / p99 ms"]]
    url, size = office.stack.database_url(), 0
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        cursor = await connection.execute("select id from messaging.instances limit 1")
        (instance,) = await cursor.fetchone() or (None,)
        for wanted in sizes:
            for low in range(size, wanted, 100_000):
                high = min(low + 100_000, wanted) - 1
                await connection.execute(GROW, {"low": low, "high": high, "instance": instance})
            size = wanted
            await connection.execute("vacuum analyze messaging.conversations, messaging.contacts")
            listed = (await office.get("/api/conversations?limit=20"))["conversations"]
            paths = ["conversations?limit=20", f"conversations/{listed[-1]['id']}"]
            paths.append(f"conversations?limit=20&search=5521{900_000_000 + wanted // 2}")
            table.append([f"{wanted:,}", *[await _latency(office, path) for path in paths]])
    return table


async def _latency(office: Office, path: str, times: int = 100) -> str:
    took = []
    for _ in range(times):
        started = time.perf_counter()
        await office.get(f"/api/{path}")
        took.append((time.perf_counter() - started) * 1000)
    return f"{statistics.median(took):.1f} / {sorted(took)[int(times * 0.99) - 1]:.1f}"


async def footprint(office: Office, seconds: float) -> Table:
    """Memory that is a process's own share, and what the idle system burns."""
    tree = psutil.Process(office.stack.process.pid)
    processes = [tree, *tree.children(recursive=True)]
    before = {one: sum(one.cpu_times()[:2]) for one in processes}
    await asyncio.sleep(seconds)
    table = [["process", "PSS MB", "idle CPU %"]]
    shares: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for one in processes:
        share = shares[one.name().split(":")[0]]
        share[0] += one.memory_full_info().pss / 1e6
        share[1] += (sum(one.cpu_times()[:2]) - before[one]) / seconds * 100
    for name, (memory, cpu) in sorted(shares.items()):
        table.append([name, f"{memory:.0f}", f"{cpu:.1f}"])
    everything = [sum(column) for column in zip(*shares.values(), strict=True)]
    return [*table, ["**all**", f"{everything[0]:.0f}", f"{everything[1]:.1f}"]]


def _line(name: str, one: Measured) -> list[str]:
    costs = sorted(one.cpu.items(), key=lambda pair: -pair[1])
    parts = ", ".join(f"{process} {cost:.2f}" for process, cost in costs if cost >= 0.03)
    numbers = [f"{one.rate:.0f}", f"{one.p50:.0f}", f"{one.p99:.0f}", str(one.refused), f"{one.total:.2f}"]
    return [name, *numbers, parts]


def _ratios(best: dict[str, Measured]) -> Table:
    ours = next(iter(best.values()))
    return [
        [f"ours / {name}", f"{ours.rate / one.rate:.2f} x", "", "", "", f"{ours.total / one.total:.2f} x"]
        for name, one in [*best.items()][1:]
    ]
