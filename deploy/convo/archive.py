"""`convo backup` and `convo restore`: the whole database, by PostgreSQL's own programs."""

import subprocess
from pathlib import Path

from deploy.convo.place import Place
from deploy.local import postgres


class Failed(Exception):
    """PostgreSQL's program said no; the text says why."""


def backup(place: Place, file: Path) -> int:
    """All schemas, compressed; its size. The secret that seals what is secret in it is not in it."""
    _run("pg_dump", "--format=custom", f"--file={file}", place.of("DATABASE_URL"))
    file.chmod(0o600)
    return file.stat().st_size


def restore(place: Place, file: Path) -> None:
    """In one transaction: all of it, or the database stays as it is. The roles are there already."""
    url = place.of("DATABASE_URL")
    options = ("--clean", "--if-exists", "--single-transaction", "--exit-on-error")
    _run("pg_restore", *options, f"--dbname={url}", str(file))


def _run(program: str, *arguments: str) -> None:
    command: list[str | Path] = [postgres.wheel() / "bin" / program, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed(f"{program}: {done.stderr.strip().splitlines()[-1] if done.stderr else done.returncode}")
