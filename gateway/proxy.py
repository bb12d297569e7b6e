"""One endpoint for every row of the route table: JSON -> proto -> RPC -> JSON."""

import hashlib
import re
import time
from dataclasses import replace
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs

from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from gateway import auth, documents, requests, wire
from gateway.auth import Revocations
from gateway.bodies import Room
from gateway.exchange import JSON, Headers, Receive, Reply, Scope
from gateway.routes import Route, identity
from gateway.storage import Storage
from services.kit import context
from services.kit.errors import Invalid
from services.kit.peers import Keyed, Peer
from services.kit.tokens import People

MOST_PARAMETERS = 100
KEY = re.compile(r"[\x21-\x7e]{1,255}")
REPLAYED = (b"idempotent-replayed", b"true")


class Proxy:
    def __init__(
        self, peers: dict[str, Peer], people: People, revocations: Revocations, storage: Storage, room: Room
    ) -> None:
        self.peers = peers
        self.storage = storage
        self.room = room
        self.people = people
        self.revocations = revocations
        self._calls: dict[str, Keyed] = {}

    async def answer(
        self, route: Route, values: dict[str, str], scope: Scope, headers: Headers, receive: Receive
    ) -> Reply:
        """Admit the caller before the body is read, then ask the service."""
        current = replace(context.current(), deadline=time.monotonic() + route.timeout)
        if route.roles:
            authorization = headers.get(b"authorization", b"").decode("latin-1")
            await auth.admit(authorization, route.roles, self.people, self.revocations)
            current = replace(current, token=authorization.partition(" ")[2])
        context.enter(current)
        key = read_key(headers) if route.keyed else None
        request: Message
        if route.takes_file:
            request, whole = await self.storage.take(route, headers, receive)
        else:
            request = await self._read(route, values, scope, headers, receive)
            whole = request.SerializeToString(deterministic=True)
        _sign(request, scope, headers)
        if route.media:
            return await documents.reply(self._stream(route)(request))
        keyed = (key, hashlib.sha256(whole).hexdigest()) if key else None
        reply, replayed = await self._call(route)(request, route.timeout, keyed)
        if route.rpc is identity.SetUpInfrastructure:
            reply.infrastructure.bucket = await self.storage.state()
        status = getattr(reply, "http_status", 0) or route.status
        more = [REPLAYED] if replayed else []
        if status == HTTPStatus.FOUND:
            more.append((b"location", reply.url.encode()))
        return Reply(status, wire.dumps(reply), [JSON, *more])

    async def _read(
        self, route: Route, values: dict[str, str], scope: Scope, headers: Headers, receive: Receive
    ) -> Message:
        """The request message of the route's RPC, from path, query and body."""
        body = None
        if route.method in ("POST", "PUT"):
            body = await self.room.json(headers, receive, route.body_limit, route.timeout)
        return requests.read(route.rpc.input_type, values, read_query(scope["query_string"]), body)

    def _stream(self, route: Route) -> Any:
        service = route.rpc.containing_service
        return self.peers[service.name.lower()].unary_stream(
            f"/{service.full_name}/{route.rpc.name}",
            GetMessageClass(route.rpc.input_type).SerializeToString,
            GetMessageClass(route.rpc.output_type).FromString,
        )

    def _call(self, route: Route) -> Keyed:
        """The stub method of a route's RPC, made once."""
        known = self._calls.get(route.rpc.full_name)
        if known is None:
            service = route.rpc.containing_service
            known = self._calls[route.rpc.full_name] = self.peers[service.name.lower()].keyed(
                f"/{service.full_name}/{route.rpc.name}",
                GetMessageClass(route.rpc.input_type).SerializeToString,
                GetMessageClass(route.rpc.output_type).FromString,
            )
        return known


def read_key(headers: Headers) -> str | None:
    key = headers.get(b"idempotency-key", b"").decode("latin-1")
    if key and not KEY.fullmatch(key):
        raise Invalid("Idempotency-Key takes 1 to 255 visible ASCII characters.")
    return key or None


def read_query(raw: bytes) -> dict[str, list[str]]:
    try:
        return parse_qs(
            raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MOST_PARAMETERS
        )
    except ValueError:
        raise Invalid("The query is not well formed.") from None


def _sign(request: Any, scope: Scope, headers: Headers) -> None:
    """Where the request says who is at the other end, the gateway says it, not the client."""
    fields = request.DESCRIPTOR.fields_by_name
    if "client_address" in fields:
        request.client_address = client_address(scope, headers)
    if "user_agent" in fields:
        request.user_agent = headers.get(b"user-agent", b"").decode("latin-1")[:300]


def client_address(scope: Scope, headers: Headers) -> str:
    """The address that our own Envoy saw, as it says in a header that it takes from nobody."""
    told = headers.get(b"x-client-address", b"").decode("latin-1")
    return told or (scope["client"][0] if scope.get("client") else "")
