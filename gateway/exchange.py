"""One request and its answer: whatever answers, the headers that every answer has are on it."""

from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from gateway.cors import Pairs
from services.kit import context

Scope = dict[str, Any]
Headers = dict[bytes, bytes]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]

# Helmet's defaults, as the original served them.
SECURITY: Pairs = [
    (
        b"content-security-policy",
        b"default-src 'self';base-uri 'self';font-src 'self' https: data:;form-action 'self';"
        b"frame-ancestors 'self';img-src 'self' data:;object-src 'none';script-src 'self';"
        b"script-src-attr 'none';style-src 'self' https: 'unsafe-inline';upgrade-insecure-requests",
    ),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"origin-agent-cluster", b"?1"),
    (b"referrer-policy", b"no-referrer"),
    (b"strict-transport-security", b"max-age=31536000; includeSubDomains"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-dns-prefetch-control", b"off"),
    (b"x-download-options", b"noopen"),
    (b"x-frame-options", b"SAMEORIGIN"),
    (b"x-permitted-cross-domain-policies", b"none"),
    (b"x-xss-protection", b"0"),
]
NO_STORE = (b"cache-control", b"no-store")
JSON = (b"content-type", b"application/json")


@dataclass
class Reply:
    """`parts`, where there are any, are sent as they come, after the body."""

    status: int
    body: bytes
    headers: Pairs = field(default_factory=lambda: [JSON])
    parts: AsyncIterator[bytes] | None = None


class Exchange:
    """`common` are the headers that the answer gets, unless whoever answers has set them."""

    def __init__(self, scope: Scope, headers: Headers, receive: Receive, send: Send, more: Pairs) -> None:
        self.scope = scope
        self.headers = headers
        self.receive = receive
        self.common: Pairs = [
            (b"x-request-id", context.current().request_id.encode()),
            NO_STORE,
            *SECURITY,
            *more,
        ]
        self.started = False
        self.route = "other"  # as the table has it: what people put into addresses is in no label
        self.status = 0
        self._send = send

    @property
    def inner_scope(self) -> Scope:
        """The server leaves out the body of an answer to HEAD by itself."""
        return {**self.scope, "method": "GET"} if self.scope["method"] == "HEAD" else self.scope

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            self.status = message["status"]
            given = [(name.lower(), value) for name, value in message.get("headers", [])]
            set_already = {name for name, _ in given}
            headers = [*given, *(pair for pair in self.common if pair[0] not in set_already)]
            message = {**message, "headers": headers}
        await self._send(message)

    async def reply(self, reply: Reply) -> None:
        known = reply.status != 204 and reply.parts is None
        length = [(b"content-length", str(len(reply.body)).encode())] if known else []
        await self.send(
            {"type": "http.response.start", "status": reply.status, "headers": [*reply.headers, *length]}
        )
        if reply.parts is not None:
            await self.send({"type": "http.response.body", "body": reply.body, "more_body": True})
            async for part in reply.parts:
                await self.send({"type": "http.response.body", "body": part, "more_body": True})
        await self.send({"type": "http.response.body", "body": b"" if reply.parts else reply.body})
