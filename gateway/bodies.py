"""Bodies of requests: what is too large or too slow is refused before it is taken in."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import orjson

from gateway.exchange import Headers, Receive
from services.kit.errors import Invalid, Refusal, TooLarge, Unsupported

MEGABYTE = 1024 * 1024


class TooSlow(Refusal):
    """The body did not arrive in time."""

    http, code = 408, "request_timeout"


async def read_json(headers: Headers, receive: Receive, limit: int, timeout: float) -> Any:
    raw = await read(headers, receive, limit, timeout)
    if not raw:
        return None
    kind = headers.get(b"content-type", b"application/json").split(b";")[0].strip().lower()
    if kind != b"application/json" and not kind.endswith(b"+json"):
        raise Unsupported("Send JSON, with Content-Type: application/json.")
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise Invalid("The body is not JSON.") from error


async def read(headers: Headers, receive: Receive, limit: int, timeout: float) -> bytes:
    try:
        async with asyncio.timeout(timeout):
            return b"".join([part async for part in chunks(headers, receive, limit)])
    except TimeoutError:
        raise TooSlow from None


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
