"""Ports of this machine: which are free, and who holds one that is not."""

import errno
import random
import socket
from pathlib import Path

import psutil

CHOICE = range(20000, 32000)  # below the range that systems give to outgoing connections


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
    """Free ports, none twice. Random, so that stacks that start at the same time do not choose the same."""
    candidates = (port for port in random.sample(CHOICE, len(CHOICE)) if is_free(port))
    return [next(candidates) for _ in range(count)]


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
