"""Two replicas in processes of their own, and a caller that must not notice what happens to them."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local import ports
from services.kit import context
from services.kit.errors import Refusal, Unavailable
from services.kit.peers import Peer
from services.kit.settings import Settings
from services.kit.tokens import Callers

SERVER = Path(__file__).with_name("parrot.py")
METHOD = "/Parrot/Say"


@dataclass
class Parrots:
    """The processes by their port."""

    peer: Peer
    processes: dict[int, subprocess.Popen[bytes]]
    answers: Counter[str] = field(default_factory=Counter)

    async def ask(self) -> None:
        """Counted where the answers were counted when it began."""
        answers = self.answers
        context.enter(context.Context(deadline=time.monotonic() + 12))
        say = self.peer.unary_unary(METHOD, None, None)
        try:
            answers[(await say(b"")).decode()] += 1
        except Refusal as refusal:
            answers[refusal.name] += 1


def start(port: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, str(SERVER), str(port)]
    root = str(SERVER.parents[2])
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": root})
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


@asynccontextmanager
async def parrots(count: int = 2) -> AsyncIterator[Parrots]:
    numbers = ports.free(count)
    processes = {number: await asyncio.to_thread(start, number) for number in numbers}
    address = ",".join(f"127.0.0.1:{number}" for number in numbers)
    callers = Callers("gateway", Settings())
    flock = Parrots(Peer("parrot", address, callers), processes)
    try:
        yield flock
    finally:
        await flock.peer.close()
        for process in flock.processes.values():
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.communicate()


@asynccontextmanager
async def asking(flock: Parrots) -> AsyncIterator[None]:
    """Somebody asks all the time."""
    tasks: set[asyncio.Task[None]] = set()

    async def ask_on() -> None:
        while True:
            task = asyncio.create_task(flock.ask())
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            await asyncio.sleep(0.02)

    asker = asyncio.create_task(ask_on())
    try:
        yield
    finally:
        asker.cancel()
        await asyncio.gather(*tasks)


async def test_replicas_are_asked_in_turn() -> None:
    async with parrots() as flock:
        await flock.ask()
        await asyncio.sleep(0.5)
        flock.answers.clear()

        for _ in range(20):
            await flock.ask()

        assert flock.answers == {str(number): 10 for number in flock.processes}


async def test_no_call_fails_while_the_replicas_are_restarted_one_after_the_other() -> None:
    async with parrots() as flock, asking(flock):
        for number in [*flock.processes] * 2:
            process = flock.processes[number]
            process.terminate()
            await asyncio.to_thread(process.communicate)
            flock.processes[number] = await asyncio.to_thread(start, number)
            await asyncio.sleep(0.5)

    assert set(flock.answers) == {str(number) for number in flock.processes}


async def test_a_frozen_replica_is_left_out_within_five_seconds_and_taken_back_when_it_thaws() -> None:
    async with parrots() as flock, asking(flock):
        frozen, other = flock.processes
        await asyncio.sleep(1)
        flock.processes[frozen].send_signal(signal.SIGSTOP)
        await asyncio.sleep(5)

        flock.answers = Counter()
        await asyncio.sleep(2)
        assert set(flock.answers) == {str(other)}

        flock.processes[frozen].send_signal(signal.SIGCONT)
        await asyncio.sleep(4)
        flock.answers = Counter()
        await asyncio.sleep(1)
        assert set(flock.answers) == {str(frozen), str(other)}


async def test_a_replica_that_froze_while_nobody_asked_is_not_asked() -> None:
    async with parrots() as flock:
        await flock.ask()
        frozen, other = flock.processes
        flock.processes[frozen].send_signal(signal.SIGSTOP)
        await asyncio.sleep(4)
        flock.answers.clear()

        await asyncio.gather(*(flock.ask() for _ in range(10)))

        assert flock.answers == {str(other): 10}


async def test_calls_that_a_frozen_replica_holds_end_before_their_deadline() -> None:
    async with parrots() as flock:
        for _ in range(4):
            await flock.ask()
        frozen = next(iter(flock.processes))
        flock.processes[frozen].send_signal(signal.SIGSTOP)
        flock.answers.clear()
        began = time.monotonic()

        await asyncio.gather(*(flock.ask() for _ in range(4)))

        assert flock.answers[Unavailable().name] == 2
        assert time.monotonic() - began < 5.5


async def test_a_service_that_is_gone_is_not_waited_for_long() -> None:
    callers = Callers("gateway", Settings())
    flock = Parrots(Peer("parrot", f"127.0.0.1:{ports.free(1)[0]}", callers), {})
    began = time.monotonic()

    await flock.ask()

    assert flock.answers == {Unavailable().name: 1}
    assert time.monotonic() - began < 4


async def test_a_name_stands_for_whatever_it_resolves_to() -> None:
    async with parrots(1) as flock:
        [number] = flock.processes
        named = Parrots(Peer("parrot", f"localhost:{number}", flock.peer._callers), {})

        await named.ask()

        assert named.answers == {str(number): 1}
        await named.peer.close()
