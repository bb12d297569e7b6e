"""`convo backup` and `convo restore`: the whole database, by PostgreSQL's own programs."""

import subprocess
import tempfile
from pathlib import Path

from deploy.convo.place import Place
from deploy.local import postgres

NOTE = "insert into messaging.restores (restored_at) values (clock_timestamp());\n"


class Failed(Exception):
    """PostgreSQL's program said no; the text says why."""


def backup(place: Place, file: Path) -> int:
    """All schemas, compressed; its size. The secret that seals what is secret in it is not in it."""
    run("pg_dump", "--format=custom", f"--file={file}", place.of("DATABASE_URL"))
    file.chmod(0o600)
    return file.stat().st_size


def restore(place: Place, file: Path) -> None:
    """In one transaction: all of it, or the database stays as it is. The roles are there already.

    With the data comes the note that it is old: from the first moment nothing leaves (reconcile.py).
    """
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "all.sql"
        run("pg_restore", "--clean", "--if-exists", f"--file={script}", str(file))
        with script.open("a") as text:
            text.write(NOTE)
        options = ("--quiet", "--no-psqlrc", "--single-transaction", "--set=ON_ERROR_STOP=1")
        run("psql", *options, f"--file={script}", f"--dbname={place.of('DATABASE_URL')}")


def run(program: str, *arguments: str) -> None:
    command: list[str | Path] = [postgres.wheel() / "bin" / program, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed(f"{program}: {done.stderr.strip().splitlines()[-1] if done.stderr else done.returncode}")
