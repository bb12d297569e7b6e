"""One piece of load from outside, and what it cost each process of the server."""

import asyncio
import json
import os
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

SCRIPT = Path(__file__).with_name("load.js")
K6 = Path(sys.executable).with_name("k6")
UNTIDY = {"GOGC": "off", "GOMEMLIMIT": "4GiB"}  # a generator that tidies up takes from whom it measures


@dataclass(frozen=True)
class Measured:
    callers: int
    requests: int
    rate: float
    p50: float
    p99: float
    worst: float
    refused: int
    cpu: dict[str, float]  # milliseconds a request, by process

    @property
    def total(self) -> float:
        return sum(self.cpu.values())


def cpu_of(roots: Iterable[int]) -> Counter[str]:
    """CPU seconds by name, of whole process trees; a parent keeps the sum of children that have ended."""
    seconds: Counter[str] = Counter()
    for root in map(psutil.Process, roots):
        for process in [root, *root.children(recursive=True)]:
            try:
                name, used = process.name().split(":")[0], process.cpu_times()
            except psutil.NoSuchProcess:
                continue
            ended = 0.0 if process == root else used.children_user + used.children_system
            seconds[name] += used.user + used.system + ended
    return seconds


async def load(roots: Iterable[int], *, settle: float = 0.0, **plan: Any) -> Measured:
    """`settle` is how long what the requests set in motion may go on, and be counted."""
    roots = [*roots]
    before = cpu_of(roots)
    told = await _k6(plan)
    await asyncio.sleep(settle)
    spent = cpu_of(roots) - before
    each = {name: spent[name] * 1000 / told["requests"] for name in sorted(spent)}
    return Measured(
        callers=plan["callers"], **told, cpu={name: cost for name, cost in each.items() if cost >= 0.005}
    )


async def _k6(plan: dict[str, Any]) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        K6,
        "run",
        "--quiet",
        "--no-usage-report",
        SCRIPT,
        env={**os.environ, **UNTIDY, "PLAN": json.dumps(plan)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, complaints = await process.communicate()
    if process.returncode:
        raise RuntimeError(complaints.decode())
    told: dict[str, Any] = json.loads(output)
    return told
