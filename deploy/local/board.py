"""What the terminal shows: a table while things start, then lines; only lines where it is no terminal."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from deploy.local.process import Died

LABELS = {
    "postgres": "PostgreSQL",
    "nats": "NATS JetStream",
    "s3": "S3",
    "zygote": "imports",
    "envoy": "Envoy",
}
COLOURS = {"starting": "yellow", "ready": "green", "done": "green", "yours": "cyan", "died": "red"}
FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


@dataclass
class Row:
    state: str = "waiting"
    port: int | None = None
    seconds: float | None = None
    since: float = field(default_factory=time.monotonic)


@dataclass
class Board:
    """The latest of every part; `live` while the table is on the screen."""

    console: Console
    rows: dict[str, Row]
    live: Live | None = None


def change(
    board: Board,
    name: str,
    state: str,
    *,
    port: int | None = None,
    seconds: float | None = None,
    death: Died | None = None,
) -> None:
    row = board.rows.setdefault(name, Row())
    row.state, row.seconds, row.port, row.since = state, seconds, port or row.port, time.monotonic()
    if death is not None:
        say_death(board.console, death)
    elif board.live is None and state in COLOURS:
        board.console.print(line(name, row), markup=False)
    if board.live is not None:
        board.live.update(table(board.rows), refresh=True)


def board(console: Console, names: Iterable[str], theirs: Iterable[str]) -> Board:
    rows = {name: Row() for name in names}
    return Board(console, rows | {name: Row("yours") for name in theirs})


@contextlib.asynccontextmanager
async def table_shown(board: Board) -> AsyncIterator[None]:
    """Redraws the table in place, on a terminal that can; without one every change is a line anyway."""
    if not board.console.is_terminal:
        yield
        return
    with Live(table(board.rows), console=board.console, auto_refresh=False) as board.live:
        turning = asyncio.create_task(keep_turning(board))
        try:
            yield
        finally:
            turning.cancel()
            board.live.update(table(board.rows), refresh=True)
            board.live = None


async def keep_turning(board: Board) -> None:
    while board.live is not None:
        board.live.update(table(board.rows), refresh=True)
        await asyncio.sleep(0.1)


def table(rows: dict[str, Row]) -> Table:
    grid = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    grid.add_column("part", min_width=15)
    grid.add_column("state", min_width=11)
    grid.add_column("port", justify="right")
    grid.add_column("ready in", justify="right", min_width=8)
    for name, row in rows.items():
        colour = COLOURS.get(row.state, "dim")
        turning = FRAMES[int(time.monotonic() * 10) % len(FRAMES)] + " " if row.state == "starting" else ""
        grid.add_row(LABELS.get(name, name), Text(turning + row.state, colour), port(row), elapsed(row))
    return grid


def line(name: str, row: Row) -> str:
    words = (LABELS.get(name, name), row.state, port(row) and f"on port {port(row)}", duration(row))
    return " ".join(filter(None, words))


def port(row: Row) -> str:
    return str(row.port) if row.port else ""


def duration(row: Row) -> str:
    return f"{row.seconds * 1000:.0f} ms" if row.seconds is not None else ""


def elapsed(row: Row) -> str:
    return f"{time.monotonic() - row.since:.1f} s" if row.state == "starting" else duration(row)


def say_death(console: Console, death: Died) -> None:
    console.print(f"{death}. The end of {death.log}:", style="red", markup=False)
    for text in death.lines:
        console.print(f"  {text}", style="dim", markup=False)
