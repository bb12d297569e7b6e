"""One run at a time in a home."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local import home

HOLD = """
import sys, time
from pathlib import Path
from deploy.local import home
lock = home.claim(Path(sys.argv[1]), "http://127.0.0.1:3000")
print("held", flush=True)
time.sleep(60)
"""
# The supervisor of a run that was killed, and a part of it that has not ended yet.
LEAVE_A_CHILD = """
import os, subprocess, sys
from pathlib import Path
from deploy.local import home
lock = home.claim(Path(sys.argv[1]), "http://127.0.0.1:3000")
child = "import time; print('held', flush=True); time.sleep(1.5)"
subprocess.Popen([sys.executable, "-c", child], pass_fds=[lock])
os._exit(0)
"""


def python(program: str, folder: Path) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, "-c", program, folder], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    return process


def test_a_second_run_is_told_where_the_first_is(folder: Path) -> None:
    first = python(HOLD, folder)

    with pytest.raises(home.AlreadyRuns) as refusal:
        home.claim(folder, "http://127.0.0.1:3001")
    first.kill()
    first.communicate()

    assert str(refusal.value) == f"It already runs: http://127.0.0.1:3000 (process {first.pid})."


def test_a_run_waits_for_what_a_killed_one_left(folder: Path) -> None:
    left = python(LEAVE_A_CHILD, folder)

    lock = home.claim(folder, "http://127.0.0.1:3001")
    os.close(lock)
    left.communicate()

    assert json.loads((folder / "run.lock").read_text()) == {
        "pid": os.getpid(),
        "url": "http://127.0.0.1:3001",
    }


def test_what_a_killed_run_left_is_ended_when_it_does_not_end(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(home, "LAST_RUN_MAY_TAKE", 0.1)
    left = python(LEAVE_A_CHILD.replace("1.5", "60"), folder)

    lock = home.claim(folder, "http://127.0.0.1:3001")
    os.close(lock)

    assert left.communicate(timeout=10)[0] == b""


def test_the_log_of_the_run_before_is_kept(folder: Path) -> None:
    home.prepare(folder)
    home.log(folder, "sales").write_text("before")

    now = home.log(folder, "sales")

    assert not now.exists()
    assert (folder / "logs" / "sales.log.1").read_text() == "before"
