"""One endpoint for every row of the route table: JSON -> proto -> RPC -> JSON."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qs

import orjson
from google.protobuf.message_factory import GetMessageClass

from gateway import auth, requests, wire
from gateway.auth import Revocations
from gateway.routes import Route
from services.kit import context
from services.kit.errors import Invalid, Refusal, TooLarge, Unsupported
from services.kit.peers import Peer
from services.kit.tokens import People

Headers = dict[bytes, bytes]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Call = Callable[..., Awaitable[Any]]


class MethodNotAllowed(Refusal):
    """This method is not allowed here."""

    http = 405

    def __init__(self, allowed: list[str]) -> None:
        super().__init__()
        self.allowed = ", ".join(sorted(allowed))


@dataclass
class Reply:
    status: int
    body: bytes
    headers: list[tuple[bytes, bytes]] = field(
        default_factory=lambda: [(b"content-type", b"application/json")]
    )


class Proxy:
    def __init__(self, peers: dict[str, Peer], people: People, revocations: Revocations) -> None:
        self.peers = peers
        self.people = people
        self.revocations = revocations
        self._calls: dict[str, Call] = {}

    async def answer(
        self, route: Route, values: dict[str, str], scope: dict[str, Any], headers: Headers, receive: Receive
    ) -> Reply:
        """Admit the caller before the body is read, then ask the service."""
        current = replace(context.current(), deadline=time.monotonic() + route.timeout)
        if route.roles:
            authorization = headers.get(b"authorization", b"").decode("latin-1")
            await auth.admit(authorization, route.roles, self.people, self.revocations)
            current = replace(current, token=authorization.partition(" ")[2])
        context.enter(current)
        body = (
            await read_json(headers, receive, route.body_limit) if route.method in ("POST", "PUT") else None
        )
        query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        request = requests.read(route.rpc.input_type, values, query, body)
        _sign(request, scope, headers)
        reply = await self._call(route)(request, timeout=route.timeout)
        status = getattr(reply, "http_status", 0) or route.status
        return Reply(status, wire.dumps(reply))

    def _call(self, route: Route) -> Call:
        """The stub method of a route's RPC, made once."""
        known = self._calls.get(route.rpc.full_name)
        if known is None:
            service = route.rpc.containing_service
            known = self._calls[route.rpc.full_name] = self.peers[service.name.lower()].unary_unary(
                f"/{service.full_name}/{route.rpc.name}",
                GetMessageClass(route.rpc.input_type).SerializeToString,
                GetMessageClass(route.rpc.output_type).FromString,
            )
        return known


def _sign(request: Any, scope: dict[str, Any], headers: Headers) -> None:
    """Where the request says who is at the other end, the gateway says it, not the client."""
    fields = request.DESCRIPTOR.fields_by_name
    if "client_address" in fields:
        request.client_address = client_address(scope, headers)
    if "user_agent" in fields:
        request.user_agent = headers.get(b"user-agent", b"").decode("latin-1")[:300]


def client_address(scope: dict[str, Any], headers: Headers) -> str:
    """The address that our own Envoy saw: the last hop of X-Forwarded-For is its word."""
    forwarded = headers.get(b"x-forwarded-for", b"").decode("latin-1")
    hop = forwarded.rsplit(",", 1)[-1].strip()
    client = scope.get("client")
    return hop or (client[0] if client else "")


async def read_json(headers: Headers, receive: Receive, limit: int) -> Any:
    raw = await read_body(headers, receive, limit)
    if not raw:
        return None
    kind = headers.get(b"content-type", b"application/json").split(b";")[0].strip().lower()
    if kind != b"application/json" and not kind.endswith(b"+json"):
        raise Unsupported("Send JSON, with Content-Type: application/json.")
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise Invalid("The body is not JSON.") from error


async def read_body(headers: Headers, receive: Receive, limit: int) -> bytes:
    """The whole body; what is over the limit is refused before it is taken in."""
    announced = headers.get(b"content-length", b"0")
    if announced.isdigit() and int(announced) > limit:
        raise TooLarge(f"The body is larger than {limit // 1024 // 1024} MB.")
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Invalid("The connection ended before the body did.")
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise TooLarge(f"The body is larger than {limit // 1024 // 1024} MB.")
        parts.append(part)
        if not message.get("more_body"):
            return b"".join(parts)
