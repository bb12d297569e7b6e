"""The zygote that forks the processes, and the supervisor that asks for them again."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from signal import SIGKILL

import psutil
import pytest

from deploy.local import forks, process, supervisor
from deploy.local.forks import Zygote
from deploy.local.process import Died, Part

GREETER = "tests.local.greeter"


@contextlib.asynccontextmanager
async def forking(folder: Path) -> AsyncIterator[Zygote]:
    zygote = Zygote()
    async with process.running(forks.parent(zygote, [GREETER], folder / "zygote.log")):
        yield zygote


def greeter(zygote: Zygote, folder: Path, **environment: str) -> Part:
    settings = {"GREETING": "Hello", "REPLICA": "greeter-1", "PID_FILE": str(folder / "pid"), **environment}
    return forks.child(zygote, "greeter", GREETER, settings, None, folder / "greeter.log")


def pid(folder: Path) -> int:
    return int((folder / "pid").read_text())


class Reports:
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.states: list[str] = []
        self.deaths: list[Died] = []
        self.changed = asyncio.Event()

    def __call__(
        self,
        name: str,
        state: str,
        *,
        port: int | None = None,
        seconds: float | None = None,
        death: Died | None = None,
    ) -> None:
        self.states.append(state)
        self.deaths += [death] if death else []
        self.changed.set()

    async def reach(self, *states: str) -> None:
        while self.states != list(states):
            self.changed.clear()
            await asyncio.wait_for(self.changed.wait(), 10)


async def test_a_forked_process_has_its_own_settings_and_log(folder: Path) -> None:
    async with forking(folder) as zygote, process.running(greeter(zygote, folder, GREETING="Olá")) as running:
        assert psutil.pid_exists(pid(folder))

    assert running.exited.result() == 0
    assert (folder / "greeter.log").read_text() == "Olá from greeter-1\n"
    assert not psutil.pid_exists(pid(folder))


async def test_what_a_process_said_before_it_ended_is_heard_first(folder: Path) -> None:
    async with forking(folder) as zygote:
        for _ in range(20):
            running = await greeter(zygote, folder, LEAVE="1").launch()
            await asyncio.wait({running.exited}, timeout=10)

            assert running.said is not None
            assert running.said.result() == "ready"


async def test_a_process_that_dies_is_started_again(folder: Path) -> None:
    reports = Reports()
    async with forking(folder) as zygote:
        kept = supervisor.keep(greeter(zygote, folder), reports)
        await reports.reach("starting", "ready")
        first = pid(folder)

        os.kill(first, SIGKILL)
        await reports.reach("starting", "ready", "died", "starting", "ready")
        second = pid(folder)
        await supervisor.end(kept, reports)

    assert first != second
    assert str(reports.deaths[0]) == "greeter was ended by SIGKILL"
    assert not psutil.pid_exists(second)


async def test_a_process_that_will_not_start_is_given_up_with_the_end_of_its_log(folder: Path) -> None:
    reports = Reports()
    async with forking(folder) as zygote:
        kept = supervisor.keep(greeter(zygote, folder, REFUSE="1"), reports)

        with pytest.raises(Died, match="greeter ended with code 1") as death:
            await supervisor.all_up([kept])

    assert reports.states == ["starting", "died"] * supervisor.ATTEMPTS
    assert death.value.lines[-1] == "Hello from greeter-1"


async def test_a_process_that_refuses_its_settings_is_not_asked_twice(folder: Path) -> None:
    reports = Reports()
    async with forking(folder) as zygote:
        kept = supervisor.keep(greeter(zygote, folder, REFUSE="78"), reports)

        with pytest.raises(Died, match="code 78"):
            await supervisor.all_up([kept])

    assert reports.states == ["starting", "died"]


async def test_a_zygote_takes_its_children_along(folder: Path) -> None:
    zygote = Zygote()
    parent = forks.parent(zygote, [GREETER], folder / "zygote.log")
    async with process.running(parent) as running, process.running(greeter(zygote, folder)) as child:
        running.send(SIGKILL)
        await asyncio.wait({running.exited, child.exited}, timeout=10)
        await process.until(lambda: gone(pid(folder)))

    assert zygote.gone
    assert child.exited.result() == -SIGKILL


async def test_without_a_supervisor_the_children_are_asked_to_end(folder: Path) -> None:
    zygote = Zygote()
    parent = forks.parent(zygote, [GREETER], folder / "zygote.log")
    async with process.running(parent) as running:
        part = greeter(zygote, folder)
        await part.ready(await part.launch())

        assert zygote.writer is not None
        zygote.writer.close()
        await asyncio.wait({running.exited}, timeout=10)

    assert running.exited.result() == 0
    assert not psutil.pid_exists(pid(folder))


async def gone(number: int) -> bool:
    return not psutil.pid_exists(number)
