"""What is measured: each part returns the lines of its table."""

import asyncio
import itertools
import time
from collections import defaultdict
from contextlib import AsyncExitStack
from typing import Any

import psutil
import psycopg

from services.kit.tables import new_id
from tests.bench import rivals
from tests.bench.findings import Bar, Findings, Table, at_least, at_most
from tests.bench.load import Measured, cpu_of, load
from tests.bench.office import Office, opened
from tests.bench.rivals import Rival

CONTACTS = 1000
ANSWERED = 50
CALLERS = 32
MANY_CALLERS = (64, 128, 512)  # whoever gathers what comes together likes many, a pool of sixteen does not
# Those who only listen: what messages set in motion in other contexts is not the peers' work.
LISTENERS = ("sales", "intelligence", "campaigns", "knowledge")
BUSY = 0.25  # seconds of CPU in one second
HEAD = ["", "callers", "requests/s", "p50 ms", "p99 ms", "refused", "CPU ms/request", "of which"]
RAW = """
    insert into peer.raw (id, conversation_id, instance_id, message_id, remote_jid, content, words,
        message_type, origin, is_from_me, status, timestamp)
    select %(id)s::uuid, conversation_id, instance_id, %(id)s::uuid::text, remote_jid, content, words,
        message_type, origin, is_from_me, status, now() from peer.messages where id = %(like)s
"""
OURS = "convo, alone"
STORED = "select count(*) from messaging.messages where message_id like any(%(runs)s)"
LEADS = 200
KNOW_LEADS = """
    insert into sales.leads (id, name, name_key, words, phone, status, value, probability, created_at,
        updated_at)
    select uuidv7(), 'Cliente ' || n, 'cliente ' || n, array_to_tsvector(array['cliente', n::text]),
        '5511' || (970000000 + n),
        (array['new', 'contacted', 'qualified', 'proposal', 'won', 'lost'])[1 + n %% 6],
        n * 10, n %% 100, now() - n * interval '1 minute', now() from generate_series(1, %(count)s) as n
"""
# The path, and the bars beside the Express peer: at most this CPU, at least this rate.
ROUTES: dict[str, tuple[str, tuple[float, float] | None]] = {
    "one conversation": ("conversations/{id}?messagesLimit=1", (0.9, 1.3)),
    "a page of 20": ("conversations?limit=20", (1.0, 1.0)),
    "a page of 20 leads": ("leads?limit=20", None),
}


async def ingest(seconds: float, rounds: int) -> Findings:
    """Ours and the peers', each with as many callers as suit it best.

    Ours does what they do: in a system of its own nobody listens, not even later, when they have their turn.
    """
    taken: dict[str, Measured] = {}
    async with opened() as office:
        with office.stack.asleep(*LISTENERS):
            best = await _in_turn(office, taken, seconds, rounds)
            alone, express = best[OURS], best["express"]
            raw = await _raw_limit(office.stack.database_url(), seconds)
            await caught_up(office)
            half = _webhooks(callers=alone.callers, seconds=seconds, rate=int(alone.rate / 2))
            calm = await _take_in(office, taken, **half)
            lost = await _none_lost(office.stack.database_url(), taken, "webhooks in")
    lines = [HEAD, *(_line(name, one) for name, one in best.items()), *_ratios(best)]
    lines += [["raw limit", "", f"{raw:.0f}"], ["ours / raw limit", "", f"{alone.rate / raw:.2f} x"]]
    return Findings(
        [*lines, _line(f"{OURS}, half the rate", calm)],
        [
            at_least("webhooks in, rate / Express", alone.rate / express.rate, 3, "x"),
            at_most("webhooks in, CPU / Express", alone.total / express.total, 0.4, "x"),
            at_least("webhooks in, rate / raw limit", alone.rate / raw, 0.6, "x"),
            at_most("webhooks in, p99 at half the top rate", calm.p99, 250, "ms"),
            lost,
        ],
    )


async def _in_turn(
    office: Office, taken: dict[str, Measured], seconds: float, rounds: int
) -> dict[str, Measured]:
    """The best of each, by rate."""
    found: dict[str, list[Measured]] = defaultdict(list)
    await rivals.prepare(office.stack.database_url())
    async with AsyncExitStack() as stack:
        peers = [await stack.enter_async_context(rivals.running(name, office)) for name in rivals.COMMANDS]
        for number, callers in itertools.product(range(rounds + 1), MANY_CALLERS):
            if number == 1:  # until here everybody warmed up
                found.clear()
            work = _webhooks(callers=callers, seconds=seconds if number else 2)
            found[OURS].append(await _take_in(office, taken, settle=3, **work))
            for peer in peers:
                hook = {"url": f"{peer.url}/webhook", "instance": office.instance}
                found[peer.name].append(await load(peer.pids, webhook=hook, **work))
    return {name: max(some, key=lambda one: one.rate) for name, some in found.items()}


async def everybody(office: Office, seconds: float) -> Findings:
    """Webhooks while every other service listens, and then while the AI answers too."""
    taken: dict[str, Measured] = {}
    lines: Table = [HEAD]
    everything = [
        ("convo, every service, AI off", "human", CONTACTS),
        (f"convo, every service, AI on for {ANSWERED} customers", "ai", ANSWERED),
    ]
    for title, mode, contacts in everything:
        await caught_up(office)
        await _set_mode(office.stack.database_url(), mode)
        work = _webhooks(callers=64, seconds=seconds) | {"contacts": contacts}
        lines.append(_line(title, await _take_in(office, taken, settle=8, **work)))
    await _set_mode(office.stack.database_url(), "human")
    await caught_up(office)
    return Findings(
        lines, [await _none_lost(office.stack.database_url(), taken, "webhooks in, every service")]
    )


def _webhooks(**work: Any) -> dict[str, Any]:
    return {"contacts": CONTACTS, "run": f"{new_id()}-", **work}


async def _take_in(office: Office, taken: dict[str, Measured], **work: Any) -> Measured:
    found = await load([office.stack.process.pid], webhook=office.webhook, **work)
    taken[work["run"]] = found
    return found


async def _none_lost(url: str, taken: dict[str, Measured], of_what: str) -> Bar:
    """What was answered with 200 in all runs, against what is stored; a unique key keeps it from doubling."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        cursor = await connection.execute(STORED, {"runs": [f"{run}%" for run in taken]})
        (stored,) = await cursor.fetchone() or (0,)
    lost = sum(one.requests - one.refused for one in taken.values()) - stored
    return at_most(f"{of_what}, accepted and lost", max(lost, 0), 0, "messages")


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


async def reads(office: Office, seconds: float, rounds: int) -> Findings:
    async with await psycopg.AsyncConnection.connect(office.stack.database_url()) as connection:
        await connection.execute(KNOW_LEADS, {"count": LEADS})
    await rivals.prepare(office.stack.database_url())
    listed = (await office.get("/api/conversations?limit=20"))["conversations"]
    ids = [one["id"] for one in listed]
    table, bars = [HEAD], list[Bar]()
    async with AsyncExitStack() as stack:
        peers = [await stack.enter_async_context(rivals.running(name, office)) for name in rivals.COMMANDS]
        for title, (route, wanted) in ROUTES.items():
            paths = [route.format(id=id) for id in ids] if "{id}" in route else [route]
            best = await _interleaved(office, peers, paths, seconds, rounds)
            table += [[f"**{title}**"], *(_line(name, one) for name, one in best.items()), *_ratios(best)]
            if wanted:
                ours, express = best["convo"], best["express"]
                bars.append(at_most(f"{title}, CPU / Express", ours.total / express.total, wanted[0], "x"))
                bars.append(at_least(f"{title}, rate / Express", ours.rate / express.rate, wanted[1], "x"))
    return Findings(table, bars)


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


async def footprint(office: Office, seconds: float) -> Findings:
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
    return Findings(
        [*table, ["**all**", f"{everything[0]:.0f}", f"{everything[1]:.1f}"]],
        [
            at_most("idle, proportional memory", everything[0], 1000, "MB"),
            at_most("idle, CPU of one core", everything[1], 5, "%"),
        ],
    )


def _line(name: str, one: Measured) -> list[str]:
    costs = sorted(one.cpu.items(), key=lambda pair: -pair[1])
    parts = ", ".join(f"{process} {cost:.2f}" for process, cost in costs if cost >= 0.03)
    numbers = [
        str(one.callers),
        f"{one.rate:.0f}",
        f"{one.p50:.0f}",
        f"{one.p99:.0f}",
        str(one.refused),
        f"{one.total:.2f}",
    ]
    return [name, *numbers, parts]


def _ratios(best: dict[str, Measured]) -> Table:
    ours = next(iter(best.values()))
    return [
        [f"ours / {name}", "", f"{ours.rate / one.rate:.2f} x", "", "", "", f"{ours.total / one.total:.2f} x"]
        for name, one in [*best.items()][1:]
    ]
