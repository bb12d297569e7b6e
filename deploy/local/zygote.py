"""Imports every service once and forks a process for each: the imports' time and memory are paid once.

Started as `python -m deploy.local.zygote FD MODULE...`. On the socket FD it reads JSON lines, orders to start
a module or to signal one that runs, and writes JSON lines about what happens. It has one thread, no event
loop and no connection, so that a fork of it is clean. When the other end is gone it ends what it started,
then itself.
"""

import gc
import importlib
import json
import os
import selectors
import signal
import socket
import sys
import time
import traceback
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, NoReturn

from deploy.local.process import bound_to, rename

GRACE = 5.0


@dataclass
class Nursery:
    control: socket.socket
    modules: dict[str, ModuleType]
    alarm: socket.socket  # readable when a signal came
    selector: selectors.DefaultSelector = field(default_factory=selectors.DefaultSelector)
    children: dict[int, str] = field(default_factory=dict)
    unread: bytes = b""


def main() -> None:
    control = socket.socket(fileno=int(sys.argv[1]))
    modules = {name: importlib.import_module(name) for name in sys.argv[2:]}
    gc.collect()
    gc.freeze()  # the collector would otherwise touch, and so copy, every inherited page in every child
    nursery = Nursery(control, modules, alarm=alarm_for(signal.SIGCHLD, signal.SIGTERM))
    tell(nursery, {"event": "imported"})
    serve(nursery)
    end(nursery)


def alarm_for(*numbers: signal.Signals) -> socket.socket:
    reader, writer = socket.socketpair()
    reader.setblocking(False)
    writer.setblocking(False)
    signal.set_wakeup_fd(writer.detach())
    for number in numbers:
        signal.signal(number, lambda *_: None)
    return reader


def serve(nursery: Nursery) -> None:
    """Until the supervisor is gone, or SIGTERM."""
    nursery.selector.register(nursery.control, selectors.EVENT_READ, "control")
    nursery.selector.register(nursery.alarm, selectors.EVENT_READ, "alarm")
    while True:
        # The alarm last: a child's word is passed on before its end.
        for key, _ in sorted(nursery.selector.select(), key=lambda ready: ready[0].data == "alarm"):
            if key.data == "control":
                if not obey(nursery):
                    return
            elif key.data == "alarm":
                if signal.SIGTERM in nursery.alarm.recv(4096):
                    return
                reap(nursery)
            else:
                listen(nursery, key.fd, key.data)


def obey(nursery: Nursery) -> bool:
    """The orders that have come in; false when no more will come."""
    received = nursery.control.recv(65536)
    *lines, nursery.unread = (nursery.unread + received).split(b"\n")
    for line in lines:
        order = json.loads(line)
        if order["order"] == "start":
            start(nursery, order)
        for pid, name in nursery.children.items():
            if order["order"] == "signal" and name == order["name"]:
                os.kill(pid, order["signal"])
    return bool(received)


def start(nursery: Nursery, order: dict[str, Any]) -> None:
    reader, writer = os.pipe()
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        become(nursery, order, parent, writer)
    os.close(writer)
    nursery.children[pid] = order["name"]
    nursery.selector.register(reader, selectors.EVENT_READ, order["name"])


def become(nursery: Nursery, order: dict[str, Any], parent: int, ready_fd: int) -> NoReturn:
    """The rest of the child's life: nothing of the zygote's is left open, and it never returns there."""
    code = 1
    try:
        bound_to(parent, signal.SIGKILL)()
        leave(nursery)
        rename(order["name"])
        redirect(order["log"])
        os.environ.clear()
        os.environ.update(order["environment"], READY_FD=str(ready_fd))
        sys.argv = [order["module"]]
        nursery.modules[order["module"]].main()
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
        if isinstance(error.code, str):
            sys.stderr.write(f"{error.code}\n")
    except BaseException:  # noqa: BLE001 - the last frame of a process
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def leave(nursery: Nursery) -> None:
    os.close(signal.set_wakeup_fd(-1))
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    for key in [*nursery.selector.get_map().values()]:
        os.close(key.fd)
    nursery.selector.close()


def redirect(log: str) -> None:
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]


def listen(nursery: Nursery, fd: int, name: str) -> None:
    """What a child says on READY_FD; it says one thing, once."""
    said = os.read(fd, 65536)
    nursery.selector.unregister(fd)
    os.close(fd)
    if said:
        tell(nursery, {"event": "said", "name": name, "text": said.decode().strip()})


def reap(nursery: Nursery) -> None:
    while nursery.children:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        name = nursery.children.pop(pid)
        tell(nursery, {"event": "exited", "name": name, "code": os.waitstatus_to_exitcode(status)})


def tell(nursery: Nursery, event: dict[str, object]) -> None:
    try:
        nursery.control.sendall(json.dumps(event).encode() + b"\n")
    except OSError:
        return  # the supervisor is gone: the next read says so


def end(nursery: Nursery) -> None:
    """Ask every child to end, and insist after a while."""
    for number, patience in ((signal.SIGINT, GRACE), (signal.SIGKILL, GRACE)):
        for pid in nursery.children:
            os.kill(pid, number)
        deadline = time.monotonic() + patience
        while nursery.children and time.monotonic() < deadline:
            time.sleep(0.02)
            reap(nursery)


if __name__ == "__main__":
    main()
