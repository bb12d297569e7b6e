"""Our Evolution: a server on loopback that speaks its REST API, posts its webhooks and misbehaves as planned.

In a test: `async with simulate() as simulator`. By itself: `python -m tests.fakes.evolution --print-url`.
"""

import argparse
import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.applications import Starlette

from tests.fakes import (
    evolution_admin,
    evolution_rest,
    evolution_rest_chats,
    evolution_rest_instances,
)
from tests.fakes.loopback import serve
from tests.fakes.whatsapp import Simulator

PARTS = (evolution_rest, evolution_rest_chats, evolution_rest_instances, evolution_admin)


@contextlib.asynccontextmanager
async def simulate(
    *, port: int = 0, api_key: str = "global-key", version: str = "2.3.7", ledger: Path | None = None
) -> AsyncIterator[Simulator]:
    simulator = Simulator(api_key=api_key, version=version, ledger=ledger)
    app = Starlette(
        routes=[route for part in PARTS for route in part.ROUTES],
        exception_handlers={
            evolution_rest.Refused: evolution_rest.refused,
            404: evolution_rest.unknown_route,
            405: evolution_rest.unknown_route,
        },
    )
    app.state.simulator = simulator
    async with serve(app, port) as simulator.url:
        try:
            yield simulator
        finally:
            await simulator.close()


async def run(options: argparse.Namespace) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with simulate(
        port=options.port, api_key=options.api_key, version=options.version, ledger=options.ledger
    ) as simulator:
        if options.instance:
            simulator.instance(options.instance, webhook=options.webhook)
        if options.print_url:
            sys.stdout.write(f"{simulator.url}\n")
            sys.stdout.flush()
        await stopped.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description="A WhatsApp with an Evolution in front, on 127.0.0.1.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--print-url", action="store_true")
    parser.add_argument("--api-key", default="global-key")
    parser.add_argument("--version", default="2.3.7")
    parser.add_argument("--instance", help="an instance that is there, and connected, from the start")
    parser.add_argument("--webhook", help="where that instance posts its events")
    parser.add_argument("--ledger", type=Path, help="a file to which every accepted send is appended")
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
