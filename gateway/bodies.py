"""Bodies of requests: what is too large or too slow is refused before it is taken in."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson

from gateway.exchange import Headers, Receive
from services.kit.errors import Invalid, Refusal, TooLarge, Unavailable, Unsupported

MEGABYTE = 1024 * 1024
ROOM = 80 * MEGABYTE  # on its way to a service a body is there four times; the process may hold 512 MB
LITTLE = MEGABYTE


class TooSlow(Refusal):
    """The body did not arrive in time."""

    http, code = 408, "request_timeout"


class NoRoom(Unavailable):
    """Too much is being sent at the same time. Try again in a moment."""

    code = "unavailable"


class Room:
    """What all bodies may hold together. Whoever sends little is always let in."""

    def __init__(self, size: int = ROOM) -> None:
        self.left = size

    async def json(self, headers: Headers, receive: Receive, limit: int, timeout: float) -> Any:
        async with self.body(headers, receive, limit, timeout) as raw:
            if not raw:
                return None
            kind = headers.get(b"content-type", b"application/json").split(b";")[0].strip().lower()
            if kind != b"application/json" and not kind.endswith(b"+json"):
                raise Unsupported("Send JSON, with Content-Type: application/json.")
            try:
                return orjson.loads(raw)
            except orjson.JSONDecodeError as error:
                raise Invalid("The body is not JSON.") from error

    @asynccontextmanager
    async def body(
        self, headers: Headers, receive: Receive, limit: int, timeout: float
    ) -> AsyncIterator[bytes]:
        """A body as a whole, which takes up room until it is done with."""
        parts: list[bytes] = []
        size = 0
        try:
            try:
                async with asyncio.timeout(timeout):
                    async for part in chunks(headers, receive, limit):
                        size += len(part)
                        self.left -= len(part)
                        if size > LITTLE and self.left < 0:
                            raise NoRoom(retry_after=2)
                        parts.append(part)
            except TimeoutError:
                raise TooSlow from None
            whole = b"".join(parts)
            parts.clear()
            yield whole
        finally:
            self.left += size


async def chunks(headers: Headers, receive: Receive, limit: int) -> AsyncIterator[bytes]:
    """The body as it comes; the next part is asked for when this one has been dealt with."""
    refusal = TooLarge(f"The body is larger than {limit // MEGABYTE} MB.")
    announced = headers.get(b"content-length", b"0")
    if announced.isdigit() and int(announced) > limit:
        raise refusal
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Invalid("The connection ended before the body did.")
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise refusal
        yield part
        if not message.get("more_body"):
            return
