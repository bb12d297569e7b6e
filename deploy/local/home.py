"""The home folder: data, logs and secrets of one stack, used by one run at a time."""

import fcntl
import json
import os
import time
from pathlib import Path

import psutil

from deploy.local.credentials import write_private

LAST_RUN_MAY_TAKE = 15.0  # seconds for the parts of a killed run to end


class AlreadyRuns(Exception):
    """Another run uses this home."""


def prepare(folder: Path) -> None:
    """Make the folders. PostgreSQL, as another user, has to pass through the home when we are root."""
    if not folder.exists():
        folder.mkdir(parents=True)
        folder.chmod(0o711 if os.geteuid() == 0 else 0o700)
    (folder / "logs").mkdir(mode=0o700, exist_ok=True)


def claim(folder: Path, url: str) -> int:
    """Lock the home for this run and whatever it starts: every part inherits the descriptor.

    So the lock is free only when the last process of a run has ended, even if its supervisor was killed.
    """
    path = folder / "run.lock"
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    if not locks(lock):
        await_end_of_last_run(path, lock)
    os.ftruncate(lock, 0)
    os.pwrite(lock, json.dumps({"pid": os.getpid(), "url": url}).encode(), 0)
    return lock


def locks(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def await_end_of_last_run(path: Path, lock: int) -> None:
    owner = json.loads(path.read_text() or "{}")
    if any(process.pid == owner.get("pid") for process in holders(path)):
        raise AlreadyRuns(f"It already runs: {owner['url']} (process {owner['pid']}).")
    deadline = time.monotonic() + LAST_RUN_MAY_TAKE
    while not locks(lock):
        if time.monotonic() > deadline:
            for process in holders(path):
                process.kill()
        time.sleep(0.1)


def holders(path: Path) -> list[psutil.Process]:
    """The other processes that hold the lock file, as far as this user may know."""
    found = []
    for process in psutil.process_iter():
        try:
            held = process.pid != os.getpid() and any(file.path == str(path) for file in process.open_files())
        except psutil.Error:
            continue
        if held:
            found.append(process)
    return found


def note(folder: Path, environment: dict[str, str]) -> None:
    """Where everything is in this run, for the commands of `convo`."""
    write_private(folder / "running.json", json.dumps(environment))


def log(folder: Path, name: str) -> Path:
    """A fresh log; the last run's is kept beside it."""
    path = folder / "logs" / f"{name}.log"
    if path.exists():
        path.replace(path.with_suffix(".log.1"))
    return path
