"""Channels to the other services: identity, the person's token, the trace and the deadline travel along."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar, cast

import grpc
from google.protobuf.empty_pb2 import Empty
from google.protobuf.wrappers_pb2 import StringValue

from services.kit import context, telemetry
from services.kit.errors import DeadlineExceeded, Unavailable, from_status
from services.kit.tokens import Callers

Stub = TypeVar("Stub")
Metadata = tuple[tuple[str, str], ...]
Keyed = Callable[[Any, float, tuple[str, str] | None], Awaitable[tuple[Any, bool]]]

DEFAULT_TIMEOUT = 10.0
PATIENCE = 3.0
LARGEST = 80 * 1024 * 1024
KEYS = "/convo.identity.v1.Identity/GetKeys"
KEY, FINGERPRINT, REPLAYED = "idempotency-key", "idempotency-fingerprint", "idempotent-replayed"
OPTIONS = [
    ("grpc.lb_policy_name", "round_robin"),
    ("grpc.enable_retries", 0),  # a call is repeated by whoever knows that it may be, never by the wire
    ("grpc.max_receive_message_length", LARGEST),
    ("grpc.max_send_message_length", LARGEST),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2000),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.keepalive_time_ms", 20_000),  # a half-open connection must not leave a gateway deaf to revocations
    ("grpc.keepalive_timeout_ms", 5_000),
]


class Peer:
    """A channel to one service, as the generated stubs see it."""

    def __init__(self, name: str, address: str, callers: Callers) -> None:
        self.name = name
        self._callers = callers
        self._channel = grpc.aio.insecure_channel(_target(address), options=OPTIONS)

    def unary_unary(
        self, method: str, request_serializer: Any = None, response_deserializer: Any = None, **_: Any
    ) -> Callable[..., Any]:
        call = self._channel.unary_unary(method, request_serializer, response_deserializer)

        async def send(request: Any, timeout: float | None = None) -> Any:
            return (await self._ask(call, method, request, timeout, ()))[0]

        return send

    def keyed(self, method: str, request_serializer: Any, response_deserializer: Any) -> Keyed:
        """As `unary_unary`, with a key and a fingerprint; it also says whether the answer is a repetition."""
        call = self._channel.unary_unary(method, request_serializer, response_deserializer)

        async def send(request: Any, timeout: float, key: tuple[str, str] | None) -> tuple[Any, bool]:
            more = tuple(zip((KEY, FINGERPRINT), key, strict=True)) if key else ()
            reply, trailing = await self._ask(call, method, request, timeout, more)
            return reply, any(name == REPLAYED for name, _ in trailing)

        return send

    async def _ask(
        self, call: Any, method: str, request: Any, timeout: float | None, more: Metadata
    ) -> tuple[Any, Metadata]:
        """The answer, and for what was asked with more metadata what came behind the answer."""
        await self._connected()
        left = _timeout(timeout)
        try:
            with telemetry.span(f"call {method}"):
                metadata = (*self._metadata(), *more)
                asked = call(request, timeout=left, metadata=metadata, wait_for_ready=True)
                return await asked, (await asked.trailing_metadata() if more else ())
        except grpc.aio.AioRpcError as error:
            raise _refusal(error) from None

    def unary_stream(
        self, method: str, request_serializer: Any = None, response_deserializer: Any = None, **_: Any
    ) -> Callable[..., Any]:
        call = self._channel.unary_stream(method, request_serializer, response_deserializer)

        async def stream(request: Any) -> AsyncIterator[Any]:
            try:
                async for message in call(request, metadata=self._metadata()):
                    yield message
            except grpc.aio.AioRpcError as error:
                raise _refusal(error) from None

        return stream

    async def _connected(self) -> None:
        """A service that restarts is waited for, one that is gone is not."""
        if self._channel.get_state(try_to_connect=True) is grpc.ChannelConnectivity.READY:
            return
        try:
            await asyncio.wait_for(self._channel.channel_ready(), min(PATIENCE, _timeout(None)))
        except TimeoutError:
            raise Unavailable(f"The {self.name} service does not answer. Try again in a moment.") from None

    async def keys(self) -> str:
        """The public signing keys, as a JWKS document."""
        get = self.unary_unary(KEYS, Empty.SerializeToString, StringValue.FromString)
        reply: StringValue = await get(Empty())
        return reply.value

    async def close(self) -> None:
        await self._channel.close(grace=2)

    def _metadata(self) -> Metadata:
        current = context.current()
        ours = (
            ("x-caller", self._callers.token(self.name)),
            ("x-request-id", current.request_id),
            ("traceparent", current.traceparent),
        )
        return (*ours, ("authorization", current.token)) if current.token else ours


def connect(stub: Callable[[grpc.aio.Channel], Stub], peer: Peer) -> Stub:
    """The typed stub of a service over its channel."""
    return stub(cast(grpc.aio.Channel, peer))


def _timeout(timeout: float | None) -> float:
    left = context.current().remaining()
    wanted = DEFAULT_TIMEOUT if timeout is None else timeout
    if left is None:
        return wanted
    if left <= 0.02:
        raise DeadlineExceeded
    return min(wanted, left - 0.01)


def _target(address: str) -> str:
    """One address, or several with commas between them: the replicas of one service."""
    return f"ipv4:{address}" if "," in address else address


def _refusal(error: grpc.aio.AioRpcError) -> Exception:
    packed = next((value for key, value in error.trailing_metadata() or () if key == "refusal-bin"), None)
    if packed is None and error.code() is grpc.StatusCode.UNAVAILABLE:
        return Unavailable()
    return from_status(error.code(), error.details() or "", cast("bytes | None", packed))
