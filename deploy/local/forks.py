"""Our end of the zygote's socket: the zygote and its children as parts of the stack."""

import asyncio
import json
import os
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGINT, SIGKILL
from typing import Any

from deploy.local.process import Died, Part, Running, spawn

ROOT = Path(__file__).parents[2]


@dataclass
class Zygote:
    """What it has told: that the imports are done, what a child said when it was ready, how one ended."""

    writer: asyncio.StreamWriter | None = None
    gone: bool = False
    imported: asyncio.Event = field(default_factory=asyncio.Event)
    said: dict[str, asyncio.Future[str]] = field(default_factory=dict)
    exited: dict[str, asyncio.Future[int]] = field(default_factory=dict)


def parent(zygote: Zygote, modules: Sequence[str], log: Path, *, inherit: Sequence[int] = ()) -> Part:
    async def launch() -> Running:
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-m", "deploy.local.zygote", theirs.fileno(), *modules]
        path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        environment = {**os.environ, "PYTHONPATH": path}
        with theirs:
            process = await spawn(command, log, environment=environment, inherit=[theirs.fileno(), *inherit])
        reader, zygote.writer = await asyncio.open_connection(sock=ours)
        listening = asyncio.create_task(listen(zygote, reader))
        process.exited.add_done_callback(lambda _: listening.cancel())
        return process

    async def ready(_: Running) -> None:
        await zygote.imported.wait()

    return Part("zygote", None, log, launch, ready)


def child(
    zygote: Zygote, name: str, module: str, environment: Mapping[str, str], port: int | None, log: Path
) -> Part:
    """A process that the zygote forks; it is ready when it has said so on READY_FD."""

    async def launch() -> Running:
        if zygote.gone:
            raise Died(name, "cannot start without the zygote", log)
        loop = asyncio.get_running_loop()
        said, exited = loop.create_future(), loop.create_future()
        zygote.said[name], zygote.exited[name] = said, exited
        order(zygote, order="start", name=name, module=module, environment=environment, log=str(log))
        return Running(exited, lambda number: order(zygote, order="signal", name=name, signal=number), said)

    async def ready(process: Running) -> None:
        assert process.said is not None
        await asyncio.shield(process.said)

    # SIGTERM would wait until callers have gone elsewhere: when everything ends there is no elsewhere.
    return Part(name, port, log, launch, ready, stop_with=SIGINT, grace=15.0)


def order(zygote: Zygote, **words: Any) -> None:
    assert zygote.writer is not None
    zygote.writer.write(json.dumps(words).encode() + b"\n")


async def listen(zygote: Zygote, reader: asyncio.StreamReader) -> None:
    try:
        while line := await reader.readline():
            event = json.loads(line)
            match event["event"]:
                case "imported":
                    zygote.imported.set()
                case "said":
                    zygote.said[event["name"]].set_result(event["text"])
                case "exited":
                    zygote.exited[event["name"]].set_result(event["code"])
    finally:
        zygote.gone = True
        for exited in zygote.exited.values():  # its children go with it
            if not exited.done():
                exited.set_result(-SIGKILL)
