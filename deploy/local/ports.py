"""Ports of this machine: which are free, and who holds one that is not."""

import errno
import random
import socket
import sys
from collections import deque
from pathlib import Path

import psutil

CHOICE = range(20000, 32000)  # below the range that systems give to outgoing connections

_claims: deque[socket.socket] = deque(maxlen=200)  # those of long ago are in use by now, or never will be


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise
    return True


def free(count: int) -> list[int]:
    """Free ports, none twice: nor does a stack that starts at the same time choose one of them."""
    candidates = (port for port in random.sample(CHOICE, len(CHOICE)) if is_free(port) and _claim(port))
    return [next(candidates) for _ in range(count)]


def _claim(port: int) -> bool:
    """By a name that Linux gives to one process at a time, and that goes with it."""
    if sys.platform != "linux":
        return True
    claim = socket.socket(socket.AF_UNIX)
    try:
        claim.bind(f"\0convo-port-{port}")
    except OSError:
        claim.close()
        return False
    _claims.append(claim)
    return True


def kept(file: Path) -> int:
    """The port of the last time, if it is free; its number is in the data."""
    if file.exists() and is_free(port := int(file.read_text())):
        return port
    [port] = free(1)
    file.write_text(str(port))
    return port


def holder(port: int) -> str | None:
    """The process that listens on the port, as far as this user may know."""
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:
        return None
    for connection in connections:
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
            return f"{psutil.Process(connection.pid).name()}, process {connection.pid}"
    return None
