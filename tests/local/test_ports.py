"""Which ports are free, and who has the others."""

import os
import socket
import subprocess
import sys

import pytest

from deploy.local import __main__ as program
from deploy.local import ports


def test_free_ports_are_free_and_none_comes_twice() -> None:
    found = ports.free(40)

    assert len(set(found)) == 40
    assert all(ports.is_free(port) for port in found)


def test_what_one_process_was_given_no_other_is_given() -> None:
    *ours, left = ports.free(6)
    ports._claims.pop().close()
    choose = f"from deploy.local import ports; ports.CHOICE = {[*ours, left]}; print(*ports.free(1))"

    theirs = subprocess.run([sys.executable, "-c", choose], capture_output=True, text=True, check=True)

    assert int(theirs.stdout) == left


def test_a_taken_port_is_named_with_its_holder() -> None:
    [port] = ports.free(1)

    with socket.create_server(("127.0.0.1", port)), pytest.raises(program.PortTaken) as refusal:
        program.refuse_taken_port(port)

    assert f"Port {port} is taken by" in str(refusal.value)
    assert f"process {os.getpid()}" in str(refusal.value)
