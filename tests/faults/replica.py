"""A replica of a small service that does as an event's key says: it takes it in, fails, hangs or dies."""

import asyncio
import os
import random
import signal
from pathlib import Path
from typing import Any

import uvloop

from deploy.local.process import bound_to
from protos import messaging_pb2 as pb
from services.kit import dead, leases, log, outbox, patience, subscriptions
from services.kit.bus import Bus
from services.kit.db import Database, Session

TAKE = "insert into applied (key, number) values (%(key)s, %(number)s)"
SEEN_BY_NOBODY = "select event as event_id, %(consumer)s::text from unnest(%(events)s::uuid[]) as event"


clumsy = 0.0  # the share of attempts that fail by chance


async def take(session: Session, event: pb.ConversationRead) -> None:
    await session.run(TAKE, key=event.conversation_id, number=event.marked_count)
    manner = event.conversation_id.partition("-")[0]
    if manner == "dies":
        os._exit(1)
    if manner == "hangs":
        await asyncio.sleep(3600)
    if manner == "fails" or random.random() < clumsy:
        raise KeyError


async def nothing(*_: Any) -> None:
    pass


def hurry(tempo: float) -> None:
    for module, names in (
        (leases, ("LIFETIME", "RENEWAL")),
        (
            subscriptions,
            ("ACK_WAIT", "HEARTBEAT", "HANDLING_LIMIT", "TAKING_LIMIT", "FETCH", "FINISH", "HURRY"),
        ),
        (outbox, ("MEASURE_EVERY",)),
    ):
        for name in names:
            setattr(module, name, getattr(module, name) * tempo)
    patience.PAUSES = tuple(pause * tempo for pause in patience.PAUSES)  # type: ignore[assignment]


def leave_out(safety: str) -> None:
    match safety:
        case "dead letters":
            dead.bury = nothing  # type: ignore[assignment]
        case "inbox":
            subscriptions.SEEN = SEEN_BY_NOBODY
        case "audit":
            outbox._audit = nothing  # type: ignore[assignment]
        case "order":
            subscriptions.Consumer._recall = nothing  # type: ignore[method-assign, assignment]
            subscriptions._key = lambda message: str(message.metadata.sequence.stream)


async def serve(name: str, url: str, nats_url: str) -> None:
    ending = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ending.set)
    db = Database(url, schema="faults")
    bus = Bus(nats_url, name)
    await db.open()
    await bus.open_patiently()
    lines = [subscriptions.apply(pb.ConversationRead, take)]
    works: dict[str, leases.Work] = {}
    if not name.startswith("take"):
        works["relay"] = lambda: outbox.keep_relaying(db, bus)
    if not name.startswith("relay"):
        works |= subscriptions.works(db, bus, "faults", lines)
    holding = asyncio.create_task(leases.hold(db, f"{name}:{os.getpid()}", works))
    await ending.wait()
    bus.leaving = True
    await leases.end([holding], patience=10)
    await bus.close()
    await db.close()


def main(
    name: str, url: str, nats_url: str, output: Path, *, tempo: float = 1, fails: float = 0, without: str = ""
) -> None:
    """`tempo` shortens the kit's times, `without` names the safety that a control leaves out."""
    global clumsy
    bound_to(os.getppid(), signal.SIGKILL)()
    with output.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    log.configure("faults", "INFO")
    clumsy = fails
    hurry(tempo)
    leave_out(without)
    uvloop.run(serve(name, url, nats_url))
