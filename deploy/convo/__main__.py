"""`convo`: what people who run or develop the system do with it. `convo --help` lists it."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import httpx2
import psycopg
import typer
from nats.errors import Error as NatsError
from rich.console import Console
from rich.table import Table

from deploy.convo import archive, doctor, place, reconcile, recovery, seeds, simulation, tail
from deploy.convo.archive import Failed
from deploy.convo.place import NotFound
from deploy.local import credentials
from deploy.local.chat import Refused
from deploy.local.home import AlreadyRuns
from deploy.local.settings import ROOT
from services.kit import dead, log, outbox
from services.kit.clock import now

app = typer.Typer(no_args_is_help=True, add_completion=True, pretty_exceptions_enable=False)
dead_letters = typer.Typer(no_args_is_help=True, help="Events that kept failing.")
keys = typer.Typer(no_args_is_help=True, help="The keys that sign access tokens, and the secrets at rest.")
events = typer.Typer(no_args_is_help=True, help="The event stream.")
app.add_typer(dead_letters, name="dead")
app.add_typer(keys, name="keys")
app.add_typer(events, name="events")

console = Console(highlight=False, soft_wrap=True)
SEALING = ("identity", "messaging")  # services that keep secrets
COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}
REFUSALS = (AlreadyRuns, NotFound, Refused, Failed, psycopg.Error, NatsError, httpx2.TransportError)


def moment(text: str) -> datetime:
    """Without a zone, it is this machine's."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        raise typer.BadParameter("is not a time: 2026-11-23T18:00:00Z is one") from None


Moment = Annotated[datetime | None, typer.Option(parser=moment, metavar="TIME")]
Names = Annotated[list[str] | None, typer.Argument(help="Services; all six without.")]


def told(command: Callable[..., Any]) -> Callable[..., Any]:
    """What cannot be done is said in one line."""

    @wraps(command)
    def run(*arguments: Any, **options: Any) -> None:
        try:
            command(*arguments, **options)
        except REFUSALS as refusal:
            console.print(str(refusal) or type(refusal).__name__, style="red", markup=False)
            raise typer.Exit(1) from None
        except KeyboardInterrupt:
            raise typer.Exit(130) from None

    return run


@app.command("doctor")
@told
def examine(as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """Try every dependency; say what mends the ones that fail. Ends with 1 where one does."""
    findings = asyncio.run(doctor.examine(place.find()))
    if as_json:
        console.print_json(json.dumps([asdict(one) for one in findings]))
    else:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
        for one in findings:
            mend = "" if one.state == "ok" else one.mend
            table.add_row(f"[{COLOURS[one.state]}]{one.state}", one.name, one.text, mend)
        console.print(table)
    raise typer.Exit(int(any(one.state == "fail" for one in findings)))


@app.command()
@told
def seed(
    demo: Annotated[bool, typer.Option(help="A workspace that looks alive.")] = True,
    size: Annotated[seeds.Size, typer.Option()] = seeds.Size.small,
) -> None:
    """Fill the workspace with people, customers and conversations. Repeating it adds nothing."""
    for line in asyncio.run(seeds.sow(place.find(), size.customers)):
        console.print(line)


@app.command()
@told
def sim(scenario: Annotated[str, typer.Argument(help=", ".join(simulation.SCENARIOS))]) -> None:
    """Play a customer's part on the simulated WhatsApp, and show what comes back."""
    asyncio.run(simulation.play(place.find(), scenario, console.print))


@app.command("tail")
@told
def follow(
    word: Annotated[str, typer.Argument(help="Only what holds this: a name, an id.")] = "",
    last: Annotated[int, typer.Option(help="Begin so many events ago.")] = 10,
    as_json: Annotated[bool, typer.Option("--json")] = False,
    count: Annotated[int, typer.Option(help="End after so many; 0: never.")] = 0,
) -> None:
    """Events as they happen, decoded."""

    async def show() -> None:
        shown = 0
        async for event in tail.follow(place.find(), word, last):
            data = json.dumps(event["data"], ensure_ascii=False, default=str)
            line = json.dumps(event, ensure_ascii=False, default=str)
            console.print(
                line if as_json else f"{event['id']} {event['time']} {event['name']} {data}", markup=False
            )
            shown += 1
            if shown == count:
                return

    asyncio.run(show())


@dead_letters.command("list")
@told
def list_dead(names: Names = None) -> None:
    """What lies there: service, id, consumer, event, error."""

    async def show() -> None:
        here = place.find()
        for name in place.services(names or []):
            async with here.database(name) as db:
                for one in await dead.listing(db):
                    console.print(
                        f"{name} {one.id} {one.consumer} {one.type} {one.error} {one.died_at}", markup=False
                    )

    asyncio.run(show())


@dead_letters.command()
@told
def replay(service: str, id: Annotated[str | None, typer.Argument()] = None) -> None:
    """Handle dead letters of a service again: one, or all."""
    _in_service(service, "dead", "replay", *([id] if id else []))


@keys.command()
@told
def rotate() -> None:
    """A new signing key, announced before it signs. Nobody is logged out."""
    _in_service("identity", "keys", "rotate")


@keys.command()
@told
def reseal() -> None:
    """Seal every stored secret anew: JWT_SECRET has changed, JWT_SECRET_PREVIOUS names the old one."""
    for name in SEALING:
        _in_service(name, "keys", "reseal")


@events.command()
@told
def rebuild(since: Moment = None) -> None:
    """Have the services publish again what they have published, or that since TIME: into a lost stream."""

    async def fill() -> None:
        here = place.find()
        for name in place.services([]):
            async with here.database(name) as db:
                count = await outbox.refill(db, since=since or datetime(1970, 1, 1, tzinfo=UTC), before=now())
                console.print(f"{name}: {count} events")

    asyncio.run(fill())


@app.command()
@told
def token(
    email: Annotated[str, typer.Option(envvar="CONVO_EMAIL")],
    password: Annotated[str, typer.Option(envvar="CONVO_PASSWORD", prompt=True, hide_input=True)],
) -> None:
    """An access token, for curl."""

    async def login() -> None:
        async with place.client(place.find()) as http:
            answer = await http.post("/api/auth/login", json={"email": email, "password": password})
        if answer.is_error:
            raise Refused(answer.json().get("error", str(answer.status_code)))
        typer.echo(answer.json()["accessToken"])

    asyncio.run(login())


@app.command()
@told
def backup(
    file: Annotated[Path | None, typer.Argument()] = None,
    base: Annotated[bool, typer.Option(help="Into CONVO_ARCHIVE: from there any moment comes back.")] = False,
) -> None:
    """The whole database into a file. Keep JWT_SECRET elsewhere: without it the secrets in it stay shut."""
    if base or file is None:
        console.print(str(recovery.base(place.find())), markup=False)
        return
    size = archive.backup(place.find(), file)
    console.print(f"{file}: {size / 1024**2:.1f} MiB")


@app.command()
@told
def restore(
    file: Annotated[Path | None, typer.Argument()] = None,
    to: Moment = None,
) -> None:
    """The database as it was in a backup, or, while nothing runs, at TIME. What came after is gone."""
    if to:
        before = asyncio.run(recovery.recover(place.find(), to))
        console.print(f"Recovered; the data of before is in {before}. `make run`, then: convo reconcile")
        return
    if file is None:
        raise Failed("Say what to restore: a file, or a moment with --to.")
    archive.restore(place.find(), file)
    console.print("Restored, and nothing leaves yet. Start the services anew, then: convo reconcile")


@app.command("reconcile")
@told
def reconcile_sends() -> None:
    """After a restore: nothing that may have been sent is sent again; then messages leave as before."""
    asyncio.run(reconcile.reconcile(place.find(), console.print))


def _in_service(name: str, *arguments: str) -> None:
    """Run a command of a service's own, with its settings."""
    here = place.find()
    [name] = place.services([name])
    own = {}
    if (here.home / "secrets.json").exists():
        own["SERVICE_KEY"] = credentials.kept(here.home).private_keys[name]
    environment = {"GRPC_PORT": "0", "PYTHONPATH": str(ROOT), **os.environ, **here.environment, **own}
    command = [sys.executable, "-m", f"services.{name}", *arguments]
    done = subprocess.run(command, env=environment, check=False)
    if done.returncode:
        raise Failed(f"{name} ended with {done.returncode}.")


def main() -> None:
    log.configure("convo", "CRITICAL")
    app(prog_name="convo")


if __name__ == "__main__":
    main()
