"""Starts the stack, keeps every part of it running, and ends it in order."""

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from deploy.local import stack as stacks
from deploy.local.process import Died, Part, answers, death, running, stop, until
from deploy.local.stack import Stack

PAUSES = (0.2, 0.5, 1.0)
ATTEMPTS = 3  # for a part that has never been ready; one that has been is started again for ever
STEADY = 30.0  # seconds of life after which earlier deaths are forgotten
REFUSES_SETTINGS = 78  # how a service ends that cannot use its settings: it would do so again
EDGE_PATIENCE = 30.0


class Report(Protocol):
    """Told of every change: the part, its state, its port, how long it took, why it died."""

    def __call__(
        self,
        name: str,
        state: str,
        *,
        port: int | None = None,
        seconds: float | None = None,
        death: Died | None = None,
    ) -> None: ...


@dataclass(frozen=True)
class Kept:
    part: Part
    task: asyncio.Task[None]
    up: asyncio.Event


async def run(stack: Stack, report: Report, up: asyncio.Event) -> None:
    """The whole stack, until cancelled. `up` is set when everything serves. Raises what ended it."""
    forge = keep(stack.forge, report, again=False)
    edge = keep(stack.edge, report)
    below = [keep(part, report) for part in stack.below]
    ours: list[Kept] = []

    def report_ours(name: str, state: str, **rest: Any) -> None:
        if not stack.zygote.gone:  # else its own death says it all
            report(name, state, **rest)

    try:
        await all_up([forge, *below])
        urls = await migrate(stack, report)
        ours += [keep(stacks.process(stack, member, urls), report_ours) for member in stack.members]
        ours.append(keep(stacks.simulator(stack), report_ours))
        everything = [forge, edge, *below, *ours]
        await all_up(everything)
        await reach_gateway(stack.edge)
        up.set()
        await first_end(everything)
    finally:
        gateways = [kept for kept in ours if kept.part.name.startswith("gateway")]
        services = [kept for kept in ours if kept not in gateways]
        for layer in ([edge], gateways, services, [forge], below):
            await asyncio.gather(*(end(kept, report) for kept in layer))


def keep(part: Part, report: Report, *, again: bool = True) -> Kept:
    up = asyncio.Event()
    return Kept(part, asyncio.create_task(keep_running(part, report, up, again=again)), up)


async def keep_running(part: Part, report: Report, up: asyncio.Event, *, again: bool) -> None:
    deaths = 0
    while True:
        began = time.monotonic()
        report(part.name, "starting", port=part.port)
        try:
            async with running(part) as process:
                report(part.name, "ready", seconds=time.monotonic() - began)
                up.set()
                await asyncio.wait({process.exited})
            raise death(part, process)
        except Died as died:
            report(part.name, "died", death=died)
            deaths = 1 if time.monotonic() - began > STEADY else deaths + 1
            if not again or (not up.is_set() and (deaths == ATTEMPTS or died.code == REFUSES_SETTINGS)):
                raise
        await asyncio.sleep(PAUSES[min(deaths, len(PAUSES)) - 1])


async def all_up(kept: Sequence[Kept]) -> None:
    """Raises when one of them will not come up, or ends for good."""
    ends = asyncio.create_task(first_end(kept))
    for each in kept:
        up = asyncio.create_task(each.up.wait())
        await asyncio.wait({up, ends}, return_when=asyncio.FIRST_COMPLETED)
        up.cancel()
        if ends.done():
            ends.result()
    ends.cancel()


async def first_end(kept: Sequence[Kept]) -> None:
    """Wait for what should not happen, and raise it."""
    done, _ = await asyncio.wait({each.task for each in kept}, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()


async def migrate(stack: Stack, report: Report) -> dict[str, str]:
    """Upgrade every schema; each service's database URL."""
    part = stacks.migration(stack)
    began = time.monotonic()
    report(part.name, "starting")
    process = await part.launch()
    try:
        await asyncio.wait({process.exited})
    finally:
        await stop(part, process)
    if process.exited.result() != 0:
        raise death(part, process)
    report(part.name, "done", seconds=time.monotonic() - began)
    assert process.said is not None
    urls: dict[str, str] = json.loads(process.said.result())
    return urls


async def reach_gateway(edge: Part) -> None:
    assert edge.port is not None
    port = edge.port
    try:
        async with asyncio.timeout(EDGE_PATIENCE):
            await until(lambda: answers(port, "/health"))
    except TimeoutError:
        raise Died(edge.name, "does not reach the gateway", edge.log) from None


async def end(kept: Kept, report: Report) -> None:
    if not kept.task.done():
        report(kept.part.name, "stopping")
    kept.task.cancel()
    await asyncio.wait({kept.task})
    report(kept.part.name, "stopped")
