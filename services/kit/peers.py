"""Channels to the other services: identity, the person's token, the trace and the deadline travel along."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar, cast

import grpc
from google.protobuf.empty_pb2 import Empty
from google.protobuf.wrappers_pb2 import StringValue

from services.kit import context, telemetry
from services.kit.errors import DeadlineExceeded, Unavailable, from_status
from services.kit.replicas import Replicas
from services.kit.tokens import Callers

Stub = TypeVar("Stub")
Metadata = tuple[tuple[str, str], ...]
Codec = tuple[Any, Any]
Keyed = Callable[[Any, float, tuple[str, str] | None], Awaitable[tuple[Any, bool]]]

DEFAULT_TIMEOUT = 10.0
KEYS = "/convo.identity.v1.Identity/GetKeys"
KEY, FINGERPRINT, REPLAYED = "idempotency-key", "idempotency-fingerprint", "idempotent-replayed"


class Peer:
    """One service, as the generated stubs see a channel."""

    def __init__(self, name: str, address: str, callers: Callers) -> None:
        self.name = name
        self._callers = callers
        self._replicas = Replicas(name, address)

    def unary_unary(
        self, method: str, request_serializer: Any = None, response_deserializer: Any = None, **_: Any
    ) -> Callable[..., Any]:
        async def send(request: Any, timeout: float | None = None) -> Any:
            codec = (request_serializer, response_deserializer)
            return (await self._ask(method, codec, request, timeout, ()))[0]

        return send

    def keyed(self, method: str, request_serializer: Any, response_deserializer: Any) -> Keyed:
        """As `unary_unary`, with a key and a fingerprint; it also says whether the answer is a repetition."""

        async def send(request: Any, timeout: float, key: tuple[str, str] | None) -> tuple[Any, bool]:
            more = tuple(zip((KEY, FINGERPRINT), key, strict=True)) if key else ()
            codec = (request_serializer, response_deserializer)
            reply, trailing = await self._ask(method, codec, request, timeout, more)
            return reply, any(name == REPLAYED for name, _ in trailing)

        return send

    async def _ask(
        self, method: str, codec: Codec, request: Any, timeout: float | None, more: Metadata
    ) -> tuple[Any, Metadata]:
        """The answer, and for what was asked with more metadata what came behind the answer."""
        replica = await self._replicas.pick(_timeout(timeout))
        left = _timeout(timeout)
        try:
            with telemetry.span(f"call {method}"):
                call = replica.methods.get(method) or replica.methods.setdefault(
                    method, replica.channel.unary_unary(method, *codec)
                )
                metadata = (*self._metadata(), *more)
                asked = call(request, timeout=left, metadata=metadata, wait_for_ready=True)
                with replica.asked(asked):
                    return await asked, (await asked.trailing_metadata() if more else ())
        except grpc.aio.AioRpcError as error:
            raise _refusal(error) from None

    def unary_stream(
        self, method: str, request_serializer: Any = None, response_deserializer: Any = None, **_: Any
    ) -> Callable[..., Any]:
        async def stream(request: Any) -> AsyncIterator[Any]:
            replica = await self._replicas.pick()
            call = replica.channel.unary_stream(method, request_serializer, response_deserializer)
            asked = call(request, metadata=self._metadata())
            try:
                with replica.asked(asked):
                    async for message in asked:
                        yield message
            except grpc.aio.AioRpcError as error:
                raise _refusal(error) from None

        return stream

    async def keys(self) -> str:
        """The public signing keys, as a JWKS document."""
        get = self.unary_unary(KEYS, Empty.SerializeToString, StringValue.FromString)
        reply: StringValue = await get(Empty())
        return reply.value

    async def close(self) -> None:
        await self._replicas.close()

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


def _refusal(error: grpc.aio.AioRpcError) -> Exception:
    packed = next((value for key, value in error.trailing_metadata() or () if key == "refusal-bin"), None)
    if packed is None and error.code() is grpc.StatusCode.UNAVAILABLE:
        return Unavailable()
    return from_status(error.code(), error.details() or "", cast("bytes | None", packed))
