"""`make run`: the whole system on this machine, without Docker."""

import asyncio
import os
import signal
import sys
import time
from dataclasses import replace
from functools import partial

from rich.console import Console

from deploy.local import home, ports, stack, supervisor
from deploy.local import settings as configuration
from deploy.local.board import LABELS, board, change, table_shown
from deploy.local.home import AlreadyRuns
from deploy.local.postgres import Unreachable
from deploy.local.process import Died
from deploy.local.settings import ROOT, Settings, Unusable
from deploy.local.stack import Stack

INTERRUPTED = 130
AI = {
    "groq": "Groq",
    "openai": "the server at AI_BASE_URL",
    "local": "local: no key and no network, it answers from the knowledge base; GROQ_API_KEY brings a model",
    "off": "off",
}


class PortTaken(Exception):
    """Another program listens where the system should."""


def main() -> int:
    console = Console(highlight=False, soft_wrap=True)
    try:
        settings = configuration.load(os.environ, ROOT / ".env")
        if settings.port == 0:
            settings = replace(settings, port=ports.free(1)[0])
        home.prepare(settings.home)
        lock = home.claim(settings.home, url(settings))
        refuse_taken_port(settings.port)
        return asyncio.run(serve(settings, lock, console))
    except (Unusable, AlreadyRuns, PortTaken, Unreachable) as refusal:
        console.print(str(refusal), style="red", markup=False)
        return 1


async def serve(settings: Settings, lock: int, console: Console) -> int:
    """Run until a signal; 0 if it was one, 1 if the stack could not go on."""
    began = time.monotonic()
    planned = await stack.plan(settings, lock)
    for note in planned.notes:
        console.print(note, style="yellow", markup=False)
    shown = board(console, planned.names, planned.theirs)
    up = asyncio.Event()
    running = asyncio.create_task(supervisor.run(planned, partial(change, shown), up))
    end_on_signal(running, console)
    try:
        async with table_shown(shown):
            waiting = asyncio.create_task(up.wait())
            await asyncio.wait({waiting, running}, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
        if up.is_set():
            welcome(planned, console, time.monotonic() - began)
        await asyncio.wait({running})
        running.result()
    except asyncio.CancelledError:
        console.print("Everything has ended.")
        return 0
    except Died as death:
        console.print(
            f"{death}: everything has been ended. Logs: {settings.home / 'logs'}", style="red", markup=False
        )
    return 1


def end_on_signal(running: asyncio.Task[None], console: Console) -> None:
    def end() -> None:
        if running.cancelling():
            console.print("Leaving at once: what still runs ends by itself.")
            os._exit(INTERRUPTED)
        running.cancel()
        console.print("Ending everything; once more to leave at once.")

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, end)


def refuse_taken_port(port: int) -> None:
    try:
        free = ports.is_free(port)
    except PermissionError:
        raise PortTaken(
            f"Port {port} is for the system's administrator. Choose another: PORT=3001 make run"
        ) from None
    if not free:
        holder = ports.holder(port) or "another program"
        raise PortTaken(
            f"Port {port} is taken by {holder}. End it, or choose another: PORT={port + 1} make run"
        )


def url(settings: Settings) -> str:
    return f"http://127.0.0.1:{settings.port}"


def welcome(planned: Stack, console: Console, seconds: float) -> None:
    settings = planned.settings
    address = url(settings)
    provider = configuration.ai_provider(settings.given)
    rows = {
        "API": address,
        "Documentation": f"{address}/docs",
        "Health": f"{address}/readyz",
        "Data and logs": str(settings.home),
        "AI": AI.get(provider, provider),
    }
    if planned.shared["APP_ENV"] == "development":
        rows["Try it"] = f"{address}/sim  a customer's phone beside the inbox"
    if planned.theirs:
        rows["Your own"] = ", ".join(LABELS[name] for name in planned.theirs)
    console.print(f"\nReady in {seconds:.1f} s.", style="bold green")
    for name, value in rows.items():
        console.print(f"  {name:<14} {value}", markup=False)
    register = f"curl {address}/api/auth/register -H 'Content-Type: application/json'"
    person = '{"email": "ana@empresa.com.br", "password": "uma senha longa"}'
    console.print("\nFirst steps, in another terminal", style="bold")
    console.print("  make chat      talk to it as a customer does")
    console.print(f"  {register} -d '{person}'", markup=False)
    console.print(
        "                 the first user is the admin; make chat notes the one it makes in chat.json"
    )
    console.print("\nCtrl-C ends everything.")


if __name__ == "__main__":
    sys.exit(main())
