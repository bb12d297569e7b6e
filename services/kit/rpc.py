"""What kind of work an RPC is: the verb in a service's table owns the transaction and every error."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Generic, Protocol, TypeVar, cast

import grpc
import psycopg
import psycopg_pool
from google.protobuf.message import Message

from services.kit import actor as actors
from services.kit import context, idempotency, telemetry
from services.kit.actor import Actor
from services.kit.db import Database, Session
from services.kit.errors import DeadlineExceeded, Invalid, Refusal, Unavailable, to_metadata
from services.kit.idempotency import Replayed
from services.kit.log import log
from services.kit.peers import FINGERPRINT, KEY, REPLAYED
from services.kit.tokens import Callers, People, UnknownCaller, actor

Request = TypeVar("Request", bound=Message, contravariant=True)
Response = TypeVar("Response", covariant=True)

DEFAULT_DEADLINE = 30.0
GATEWAY = ("gateway",)


class Method(Protocol, Generic[Request, Response]):
    def __call__(self, request: Request, context: Any) -> Awaitable[Response]: ...


class Door:
    """What an RPC method needs of its servicer."""

    def __init__(self, db: Database, callers: Callers, people: People) -> None:
        self.db = db
        self.callers = callers
        self.people = people
        self.closing = False
        self.streams: set[asyncio.Task[Any]] = set()

    def hang_up(self) -> None:
        """End the streams, which would not end by themselves: their callers find another replica."""
        self.closing = True
        for task in self.streams:
            task.cancel()


def query(
    fn: Callable[[Session, Actor, Request], Awaitable[Response]], callers: tuple[str, ...] = GATEWAY
) -> Method[Request, Response]:
    """Reads; PostgreSQL refuses writes."""

    async def work(door: Door, actor: Actor, request: Request) -> Response:
        async with door.db.read() as session:
            return await fn(session, actor, request)

    return _method(fn, work, callers)


def command(
    fn: Callable[[Session, Actor, Request], Awaitable[Response]], callers: tuple[str, ...] = GATEWAY
) -> Method[Request, Response]:
    """Writes, in one transaction."""

    async def work(door: Door, actor: Actor, request: Any) -> Response:
        async with door.db.begin() as session:
            return cast(Response, await idempotency.in_transaction(session, actor, request, fn))

    return _method(fn, work, callers)


def workflow(
    fn: Callable[[Database, Actor, Request], Awaitable[Response]], callers: tuple[str, ...] = GATEWAY
) -> Method[Request, Response]:
    """Talks to the outside; opens short transactions of its own."""

    async def work(door: Door, actor: Actor, request: Any) -> Response:
        return cast(Response, await idempotency.in_steps(door.db, actor, request, fn))

    return _method(fn, work, callers)


def stream(
    fn: Callable[[Database, Actor, Request], AsyncIterator[Response]], callers: tuple[str, ...] = GATEWAY
) -> Any:
    """Answers again and again, until the caller hangs up."""

    async def method(self: Door, request: Request, call: Any) -> AsyncIterator[Response]:
        async with _answering(self, call, callers, fn.__name__) as actor, _streaming(self):
            async for message in fn(self.db, actor, request):
                yield message

    method.__name__ = fn.__name__
    method.callers, method.fn = callers, fn  # type: ignore[attr-defined]
    return method


def _method(
    fn: Callable[..., Any],
    work: Callable[[Door, Actor, Any], Awaitable[Response]],
    callers: tuple[str, ...],
) -> Method[Any, Response]:
    async def method(self: Door, request: Any, call: Any) -> Response:
        async with _answering(self, call, callers, fn.__name__) as actor:
            try:
                return await work(self, actor, request)
            except Replayed as replayed:
                call.set_trailing_metadata(((REPLAYED, "true"),))
                return cast(Response, replayed.reply)
        raise AssertionError("abort raises")

    method.__name__ = fn.__name__
    method.callers, method.fn = callers, fn  # type: ignore[attr-defined]
    return cast(Method[Any, Response], method)


@asynccontextmanager
async def _streaming(door: Door) -> AsyncIterator[None]:
    task = asyncio.current_task()
    assert task, "a servicer's method runs in a task"
    if door.closing:
        raise Unavailable
    door.streams.add(task)
    try:
        yield
    except asyncio.CancelledError:
        if door.closing:
            raise Unavailable from None
        raise
    finally:
        door.streams.discard(task)


@asynccontextmanager
async def _answering(door: Door, call: Any, callers: tuple[str, ...], name: str) -> AsyncIterator[Actor]:
    """Let the caller in, and turn whatever goes wrong into a status that says what to do next."""
    started = time.monotonic()
    code = "ok"
    telemetry.AT_WORK.inc()
    try:
        metadata = dict(call.invocation_metadata())
        _enter(call, metadata)
        with telemetry.span(f"rpc {name}"):
            yield await _admit(door, metadata, callers)
    except (grpc.aio.AbortError, asyncio.CancelledError):
        code = "cancelled"
        raise
    except Exception as error:  # noqa: BLE001
        refusal = _refusal(error, name)
        code = refusal.name
        await call.abort(refusal.grpc, refusal.message, to_metadata(refusal))
    finally:
        telemetry.AT_WORK.dec()
        telemetry.RPCS.labels(name, code).observe(time.monotonic() - started)


def _refusal(error: Exception, name: str) -> Refusal:
    """What the caller is told. A bug is logged here, and the caller learns nothing of it."""
    match error:
        case Refusal():
            return error
        case psycopg.errors.InvalidTextRepresentation() | psycopg.errors.InvalidDatetimeFormat():
            return Invalid("Invalid id")
        case psycopg.DataError():  # a number out of range, a cursor that was written anew
            log.warning("value_refused", method=name, error=type(error).__name__)
            return Invalid("A value of this request cannot be used.")
        case psycopg.OperationalError() | psycopg_pool.PoolTimeout():
            log.warning("database_unavailable", method=name, error=type(error).__name__)
            return Unavailable()
        case TimeoutError():
            return DeadlineExceeded()
        case _:
            log.error("rpc_failed", method=name, exc_info=error)
            telemetry.report(error)
            return Refusal("Something went wrong on our side. The request id names the log line.")


def _enter(call: Any, metadata: dict[str, str]) -> None:
    left = call.time_remaining()
    unbounded = left is None or left > 86_400
    context.enter(
        context.Context(
            request_id=metadata.get("x-request-id") or context.Context().request_id,
            traceparent=metadata.get("traceparent") or context.new_trace(),
            deadline=time.monotonic() + (DEFAULT_DEADLINE if unbounded else left),
            token=metadata.get("authorization"),
            idempotency=(metadata[KEY], metadata.get(FINGERPRINT, "")) if KEY in metadata else None,
        )
    )


async def _admit(door: Door, metadata: dict[str, str], callers: tuple[str, ...]) -> Actor:
    caller = door.callers.verify(metadata.get("x-caller", ""))
    if caller not in callers:
        raise UnknownCaller
    token = metadata.get("authorization")
    if token is None:
        return actors.service(caller)
    return actor(await door.people.verify(token), caller)
