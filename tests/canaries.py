"""What people trust the system with, as far as the tests send it; no log may hold it."""

import json
import logging
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest
import structlog
from sqlalchemy import Executable
from structlog.typing import EventDict, WrappedLogger

from services.kit import db
from services.kit.log import describe_exception

PRIVATE = re.compile(r"content|caption|phone|jid|password|secret|token|ticket|api_?key|authorization", re.I)
SHAPES = re.compile(
    r"(?<![\w-])55\d{10,11}(?![\w-])|\beyJ[\w-]{10,}\.[\w-]{10,}|\b\d{8,}@(?:s\.whatsapp\.net|g\.us|lid)\b"
)
SHORTEST = 10  # what is shorter is a word that anybody writes

sent: set[str] = set()
logged: list[str] = []


@contextmanager
def watching() -> Iterator[None]:
    """What is stored is noted where it passes, and what is logged where it is written."""
    execute, bind = db.Session._execute, db.bind

    async def noted(session: db.Session, statement: db.Statement, values: dict[str, Any]) -> Any:
        note(values)
        return await execute(session, statement, values)

    def bound(statement: Executable, values: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        sql, parameters = bind(statement, values)
        note(parameters)
        return sql, parameters

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(db.Session, "_execute", noted)
        patch.setattr(db, "bind", bound)
        structlog.configure(processors=[listen, *structlog.get_config()["processors"]])
        logging.getLogger().addHandler(Listener())  # noqa: TID251 - the libraries'
        yield


class Listener(logging.Handler):
    """What the libraries log in this process."""

    def emit(self, record: logging.LogRecord) -> None:
        logged.append(f"{record.name}: {record.getMessage()}")


def listen(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """A processor of structlog: what our own code logs, as `kit.log` would write it."""
    logged.append(str(describe_exception(_, __, {**event})))
    return event


def note(value: Any, name: str = "") -> None:
    sent.update(private(value, name))


def private(value: Any, name: str = "") -> Iterator[str]:
    """The values under names that say that they are private, however deep."""
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield from private(part, str(key))
    elif isinstance(value, list | tuple):
        for part in value:
            yield from private(part, name)
    elif isinstance(value, str) and value[:1] in ("{", "["):
        yield from private(_parsed(value), name)
    elif isinstance(value, str) and len(value) >= SHORTEST and PRIVATE.search(name):
        yield value


def _parsed(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def leaks(lines: Iterable[str], secrets: Iterable[str]) -> list[str]:
    """The lines that hold a secret, or what looks like a number or a token."""
    secrets = [*secrets]
    return [line for line in lines if SHAPES.search(line) or any(secret in line for secret in secrets)]


def leaked(folder: Path, secrets: Iterable[str]) -> list[str]:
    """The same of log files, which are large: plain, and as JSON writes what is not ASCII."""
    forms = {form for secret in secrets for form in (secret, json.dumps(secret)[1:-1]) if "\n" not in form}
    found = subprocess.run(
        ["grep", "-r", "-F", "-f", "-", "--include=*.log*", folder],
        input="\n".join(forms),
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    assert found.returncode in (0, 1), found.stderr
    shapes = [
        f"{path.name}: {line}"
        for path in folder.rglob("*.log*")
        for line in path.read_text(errors="replace").splitlines()
        if SHAPES.search(line)
    ]
    return [*found.stdout.splitlines(), *shapes]


async def note_request(request: httpx2.Request) -> None:
    """A hook of a client."""
    note(request.headers.get("authorization", "").removeprefix("Bearer "), "token")
    if request.headers.get("content-type", "") == "application/json":
        note(_parsed(request.content.decode(errors="replace")))


async def note_response(response: httpx2.Response) -> None:
    """A hook of a client, after one that has read the answer."""
    if response.is_closed and response.headers.get("content-type", "").startswith("application/json"):
        note(_parsed(response.content.decode(errors="replace")))
