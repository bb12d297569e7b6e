"""The same request twice has one effect: what was answered to a key once is answered again.

The gateway passes the key and the fingerprint of the request on; the verbs in `kit.rpc` come here. Refusals
are not kept, so that a request can be mended and sent again.
"""

import base64
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import psycopg
from google.protobuf.any_pb2 import Any as Anything
from google.protobuf.descriptor_pool import Default as pool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from services.kit import context
from services.kit.actor import Actor
from services.kit.clock import now
from services.kit.crypto import Unreadable
from services.kit.db import Database, Session
from services.kit.errors import Conflict
from services.kit.log import log
from services.kit.settings import vault

KEPT = timedelta(hours=24)
LEASE = timedelta(seconds=90)  # longer than any route waits: a claim that old belongs to nobody

CLAIM = """
    insert into idempotency_keys as known (actor, method, key, fingerprint, claimed_until, created_at)
    values (%(actor)s, %(method)s, %(key)s, %(fingerprint)s, %(until)s, %(at)s)
    on conflict (actor, method, key) do update
    set fingerprint = excluded.fingerprint, reply = null,
        claimed_until = excluded.claimed_until, created_at = excluded.created_at
    where known.created_at < %(forgotten)s
       or (known.reply is null and known.claimed_until < %(at)s and known.fingerprint = excluded.fingerprint)
    returning key
"""
KNOWN = "where actor = %(actor)s and method = %(method)s and key = %(key)s"
READ = f"select fingerprint, reply from idempotency_keys {KNOWN}"
KEEP = f"update idempotency_keys set reply = %(reply)s {KNOWN}"
RELEASE = f"delete from idempotency_keys {KNOWN} and reply is null"


class KeyReused(Conflict):
    """This Idempotency-Key was used with another request."""

    code = "idempotency_key_reused"


class StillAtWork(Conflict):
    """The first request with this Idempotency-Key is still at work. Try again in a moment."""

    code = "idempotency_in_progress"


class Replayed(Exception):
    """Carries what was answered the first time past the work that is not done again."""

    def __init__(self, reply: Message) -> None:
        super().__init__()
        self.reply = reply


async def in_transaction(
    session: Session, actor: Actor, request: Message, fn: Callable[[Session, Actor, Any], Awaitable[Any]]
) -> Any:
    """The effect and the answer to its key are one transaction; a twin waits for it to end."""
    if context.current().idempotency is None:
        return await fn(session, actor, request)
    try:
        await _claim(session, actor, request)
    except psycopg.errors.LockNotAvailable as error:
        raise StillAtWork(retry_after=1) from error
    reply = await fn(session, actor, request)
    await _keep(session, actor, request, reply)
    return reply


async def in_steps(
    db: Database, actor: Actor, request: Message, fn: Callable[[Database, Actor, Any], Awaitable[Any]]
) -> Any:
    """The key is claimed before the work and answered after it; a twin is told to come back.

    Who dies in between leaves the claim to time. So does a caller that hangs up: what was done is unknown.
    """
    if context.current().idempotency is None:
        return await fn(db, actor, request)
    async with db.begin() as session:
        await _claim(session, actor, request)
    try:
        reply = await fn(db, actor, request)
    except Exception:
        async with db.begin() as session:
            await session.run(RELEASE, **_name(actor, request))
        raise
    try:
        async with db.begin() as session:
            await _keep(session, actor, request, reply)
    except psycopg.OperationalError as error:
        log.warning("answer_not_kept", error=type(error).__name__)
    return reply


def _name(actor: Actor, request: Message) -> dict[str, str]:
    key, _ = _given()
    return {"actor": actor.id, "method": request.DESCRIPTOR.full_name, "key": key}


def _given() -> tuple[str, str]:
    given = context.current().idempotency
    assert given, "only keyed requests come here"
    return given


async def _claim(session: Session, actor: Actor, request: Message) -> None:
    """The key is ours now; or it is somebody's, and this ends here."""
    name, (_, fingerprint) = _name(actor, request), _given()
    at = now()
    claimed = await session.first(
        CLAIM, **name, fingerprint=fingerprint, at=at, until=at + LEASE, forgotten=at - KEPT
    )
    if claimed:
        return
    known = await session.first(READ, **name)
    if known is None or (known.reply is None and known.fingerprint == fingerprint):
        raise StillAtWork(retry_after=1)
    if known.fingerprint != fingerprint:
        raise KeyReused
    raise Replayed(_opened(known.reply, name))


async def _keep(session: Session, actor: Actor, request: Message, reply: Message) -> None:
    """Sealed: an answer may hold a token."""
    packed = Anything()
    packed.Pack(reply)
    text = base64.b64encode(packed.SerializeToString()).decode()
    name = _name(actor, request)
    await session.run(KEEP, **name, reply=vault().seal(_place(name), text))


def _opened(sealed: str, name: dict[str, str]) -> Message:
    try:
        text = vault().open(_place(name), sealed)
    except Unreadable as error:
        raise Conflict("What was answered to this Idempotency-Key can no longer be read.") from error
    packed = Anything.FromString(base64.b64decode(text))
    kind = GetMessageClass(pool().FindMessageTypeByName(packed.TypeName()))
    return kind.FromString(packed.value)


def _place(name: dict[str, str]) -> str:
    return ":".join(("idempotency_keys", *name.values()))
