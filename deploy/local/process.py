"""A part of the stack: a process, how it is started, when it is ready and how it is ended."""

import asyncio
import contextlib
import ctypes
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL, SIGTERM, Signals
from typing import Any

TAIL = 20  # lines of a log that are worth showing
PR_SET_PDEATHSIG, PR_SET_NAME = 1, 15


class Died(Exception):
    """A part ended, or never became ready."""

    def __init__(self, name: str, reason: str, log: Path, code: int | None = None) -> None:
        super().__init__(f"{name} {reason}")
        self.log = log
        self.code = code
        self.lines = tail(log)


@dataclass(frozen=True)
class Running:
    exited: asyncio.Future[int]
    send: Callable[[Signals], None]
    said: asyncio.Future[str] | None = None


@dataclass(frozen=True)
class Part:
    name: str
    port: int | None
    log: Path
    launch: Callable[[], Awaitable[Running]]
    ready: Callable[[Running], Awaitable[None]]
    stop_with: Signals = SIGTERM
    patience: float = 60.0
    grace: float = 10.0


@contextlib.asynccontextmanager
async def running(part: Part) -> AsyncIterator[Running]:
    """The part, ready. It is ended on the way out, whatever happens in between."""
    try:
        process = await part.launch()
    except OSError as error:
        raise Died(part.name, f"cannot be started: {error}", part.log) from error
    try:
        await until_ready(part, process)
        yield process
    finally:
        await stop(part, process)


async def until_ready(part: Part, process: Running) -> None:
    ready: asyncio.Future[Any] = asyncio.ensure_future(part.ready(process))
    try:
        await asyncio.wait(
            {ready, process.exited}, timeout=part.patience, return_when=asyncio.FIRST_COMPLETED
        )
        if process.exited.done():
            raise death(part, process)
        if not ready.done():
            raise Died(part.name, f"was not ready after {part.patience:.0f} s", part.log)
        ready.result()
    finally:
        ready.cancel()


async def stop(part: Part, process: Running) -> None:
    """Ask, wait, insist."""
    if process.exited.done():
        return
    process.send(part.stop_with)
    try:
        await asyncio.wait({process.exited}, timeout=part.grace)
    finally:
        if not process.exited.done():
            process.send(SIGKILL)
            await process.exited


async def spawn(
    command: Sequence[object],
    log: Path,
    *,
    stop_with: Signals = SIGTERM,
    owner: tuple[int, int] | None = None,
    environment: Mapping[str, str] | None = None,
    inherit: Sequence[int] = (),
) -> Running:
    """Start a program that does not outlive us, in a group of its own so that Ctrl-C is ours to handle.

    `owner` is the user and group to run as, for a caller that is root.
    """
    user, group = owner or (None, None)
    with log.open("ab") as output:
        child = await asyncio.create_subprocess_exec(
            *map(str, command),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            env=environment,
            user=user,
            group=group,
            extra_groups=None if owner is None else [],
            process_group=0,
            pass_fds=inherit,
            preexec_fn=bound_to(os.getpid(), stop_with),
        )

    def send(number: Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            child.send_signal(number)

    return Running(asyncio.ensure_future(child.wait()), send)


def bound_to(parent: int, number: Signals) -> Callable[[], None]:
    """What a new child calls to receive a signal when its parent dies, however it dies. Linux only."""
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None

    def bind() -> None:
        if libc is None:
            return
        libc.prctl(PR_SET_PDEATHSIG, number)
        if os.getppid() != parent:
            os._exit(1)

    return bind


def rename(name: str) -> None:
    """The name that ps and top show for this process."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_NAME, name.encode())


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    while not await condition():  # noqa: ASYNC110 - another program sets no event of ours
        await asyncio.sleep(0.02)


async def answers(port: int, path: str) -> bool:
    """Whether an HTTP server on this machine answers 200."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
        return b" 200 " in await reader.readline()
    except OSError:
        return False
    finally:
        writer.close()


def death(part: Part, process: Running) -> Died:
    code = process.exited.result()
    return Died(part.name, ended(code), part.log, code)


def ended(code: int) -> str:
    return f"was ended by {Signals(-code).name}" if code < 0 else f"ended with code {code}"


def tail(log: Path) -> list[str]:
    if not log.exists():
        return []
    with log.open("rb") as text:
        text.seek(max(0, log.stat().st_size - 16384))
        return text.read().decode(errors="replace").splitlines()[-TAIL:]
