"""Any moment since a base backup: the embedded PostgreSQL archives what it writes where CONVO_ARCHIVE says.

In the cluster PostgreSQL's operator does the same (deploy/kubernetes/base/postgres.yaml).
"""

import asyncio
import os
import shlex
import shutil
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from deploy.convo.archive import NOTE, Failed, run
from deploy.convo.place import Place
from deploy.local import credentials, home, ports, postgres
from deploy.local.postgres import Site
from deploy.local.process import running

PATIENCE = 300.0


def base(place: Place) -> Path:
    """A copy of the whole server, from which recovery begins."""
    folder = _folder(place) / f"base-{datetime.now(UTC):%Y%m%dT%H%M%S}"
    options = ("--checkpoint=fast", "--wal-method=stream", "--no-password")
    run("pg_basebackup", *options, f"--pgdata={folder}", f"--dbname={place.of('DATABASE_URL')}")
    return folder


async def recover(place: Place, moment: datetime) -> Path:
    """The database as it was then, while nothing runs; where the data of before lies now.

    Nothing leaves until `convo reconcile` has run (reconcile.py).
    """
    lock = home.claim(place.home, place.api)
    try:
        site = await asyncio.to_thread(postgres.site, place.home)
        before = await asyncio.to_thread(_lay_out, site, _latest(_folder(place), moment))
        await _replay(site, place, moment)
    finally:
        os.close(lock)
    return before


async def _replay(site: Site, place: Place, moment: datetime) -> None:
    [port] = ports.free(1)
    password = credentials.kept(place.home).database_password
    settings = {
        "restore_command": f"cp {shlex.quote(str(_folder(place)))}/wal/%f %p",
        "recovery_target_time": moment.astimezone(UTC).isoformat(),
        "recovery_target_action": "promote",
    }
    log = place.home / "logs" / "recovery.log"
    async with running(postgres.server(site, port, password, log, more=settings)):
        url = postgres.url(port, password)
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
            async with asyncio.timeout(PATIENCE):
                while await _is_recovering(connection):  # noqa: ASYNC110
                    await asyncio.sleep(0.2)
            await connection.execute(NOTE.encode())


async def _is_recovering(connection: psycopg.AsyncConnection) -> bool:
    (recovering,) = await (await connection.execute("select pg_is_in_recovery()")).fetchone() or (True,)
    return bool(recovering)


def _folder(place: Place) -> Path:
    return Path(place.of("CONVO_ARCHIVE")).expanduser().resolve()


def _latest(folder: Path, moment: datetime) -> Path:
    """The last base backup of before that moment."""
    wanted = f"base-{moment.astimezone(UTC):%Y%m%dT%H%M%S}"
    found = [one for one in sorted(folder.glob("base-*")) if one.name <= wanted]
    if not found:
        raise Failed(f"There is no base backup of before {moment} in {folder}.")
    return found[-1]


def _lay_out(site: Site, source: Path) -> Path:
    """The base backup where the server looks for its data; what was there is kept beside it."""
    before = site.data.with_name(f"postgres-before-{datetime.now(UTC):%Y%m%dT%H%M%S}")
    if site.data.exists():
        site.data.rename(before)
    shutil.copytree(source, site.data)
    (site.data / "recovery.signal").touch()
    site.data.chmod(0o700)
    if site.owner:
        for path in (site.data, *site.data.rglob("*")):
            os.chown(path, *site.owner)
    return before
