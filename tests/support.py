"""What many tests say: who acts, and what was announced."""

import base64
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from services.kit.actor import Actor, service
from services.kit.bus import subject
from services.kit.db import Session
from services.kit.tables import new_id

ENVIRONMENT = {
    "APP_ENV": "test",
    "JWT_SECRET": "only for the tests: thirty-two bytes and more",
    "SERVICE_KEY": base64.b64encode(bytes(32)).decode(),
    "SERVICE_KEYS": "{}",
    "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nowhere",
    "GRPC_PORT": "0",
    "FRONTEND_URL": "https://app.empresa.com.br/, http://localhost:5173",
    "EGRESS_PRIVATE": "localhost, 127.0.0.0/8, ::1",  # where simulators listen
    "AI_DEBOUNCE_S": "0",
}
# What a system of its own is started with: the environment from before the tests set theirs, here or in
# the process that this one is a worker of.
GIVEN = {name: value for name, value in os.environ.items() if ENVIRONMENT.get(name) != value}

INTELLIGENCE = service("intelligence")
ADMIN = Actor(id=new_id(), role="admin", service="gateway", session=new_id())
SUPERVISOR = Actor(id=new_id(), role="supervisor", service="gateway", session=new_id())
MARIA = Actor(id=new_id(), role="agent", service="gateway", session=new_id())
JOAO = Actor(id=new_id(), role="agent", service="gateway", session=new_id())


async def emitted(session: Session) -> list[str]:
    """The names of the events that this transaction announces, in order."""
    rows = await session.all("select type from outbox where published_at is null order by id")
    return [subject(row.type).removeprefix("convo.") for row in rows]


@contextmanager
def open_folder() -> Iterator[Path]:
    """A folder that PostgreSQL's user can pass through, as pytest's own are not; gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="convo-test-", dir="/var/tmp"))
    os.chmod(folder, 0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
