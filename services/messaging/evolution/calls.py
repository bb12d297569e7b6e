"""Calls to Evolution: one each, never repeated here, with an outcome that says what may be sent again."""

import asyncio
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any
from urllib.parse import quote

import httpx2
import orjson

from services.kit import telemetry
from services.kit.egress import Transport
from services.kit.errors import Upstream
from services.messaging.evolution.values import decoded, elements, fields, text
from services.messaging.settings import callable_hosts


@dataclass(frozen=True, slots=True)
class Server:
    """Where an instance lives; `identifier` is its name there, or its id on the vendor's cloud."""

    api_url: str
    api_key: str
    identifier: str


class CallFailed(Upstream):
    """Evolution did not do it."""

    # Whatever detail it is given is shown to people: no key, no text and no number is in it.
    def __init__(
        self, detail: str, upstream_status: int | None = None, retry_after: int | None = None
    ) -> None:
        super().__init__(detail, retry_after=retry_after)
        self.upstream_status = upstream_status


class NotSent(CallFailed):
    """It was not delivered. Try again in a moment."""

    # Proven: this, and only this, may be sent again.


class Rejected(CallFailed):
    """Evolution refused it. Sent again as it is, it will be refused again."""


class Unknown(CallFailed):
    """Nobody can tell whether it was delivered. It is not sent again by itself."""


CONNECT_TIMEOUT = 5.0
SEND_TIMEOUT = 30.0
READ_TIMEOUT = 20.0
STATE_TIMEOUT = 10.0
MEDIA_TIMEOUT = 120.0
MOST_CONNECTIONS = 200
HIGHEST_PORT = 65535
LARGEST_ANSWER = 100 * 2**20  # a file of 50 MB is 67 MB of base64
LONGEST_DETAIL = 300
SHORTEST_PRIVATE = 4
PRIVATE = {"text", "caption", "conversation", "number", "remoteJid"}
IN_BETWEEN = {408, 502, 504, 520, 522, 524}  # a proxy's answer: what Evolution did, it does not know either
VERSION_TIMEOUT = 5.0
VERSION_KEPT = 600.0
CONNECTION_CLOSED = "Connection Closed"
NOT_ON_WHATSAPP = "This number is not on WhatsApp."
versions: dict[str, tuple[str, float]] = {}


@cache
def client() -> httpx2.AsyncClient:
    """To public addresses and those that the operator names.

    No connection is kept: on one that was just closed over there, a send ends neither sent nor not.
    """
    limits = httpx2.Limits(max_connections=MOST_CONNECTIONS, max_keepalive_connections=0)
    return httpx2.AsyncClient(
        transport=Transport(httpx2.AsyncHTTPTransport(limits=limits, trust_env=False), callable_hosts()),
        timeout=httpx2.Timeout(None, connect=CONNECT_TIMEOUT, pool=CONNECT_TIMEOUT),
        follow_redirects=False,
        trust_env=False,
    )


async def close() -> None:
    if client.cache_info().currsize:
        await client().aclose()
        client.cache_clear()


async def speaks_v1(server: Server) -> bool:
    return (await version(server)).startswith("1.")


async def version(server: Server) -> str:
    """What `GET /` says, kept for a while; empty where it does not say. Nothing is sent by asking."""
    known = versions.get(server.api_url)
    if known and known[1] > time.monotonic():
        return known[0]
    try:
        answer = await call(server, "GET", "", timeout=VERSION_TIMEOUT)
    except Unknown as error:
        raise NotSent(error.message, error.upstream_status) from error
    except Rejected:
        answer = None
    found = text(fields(answer).get("version")) or ""
    versions[server.api_url] = (found, time.monotonic() + VERSION_KEPT)
    return found


async def call(
    server: Server,
    method: str,
    path: str,
    body: Any = None,
    *,
    query: dict[str, str] | None = None,
    timeout: float,
) -> Any:
    """The decoded answer, or one of the three outcomes."""
    try:
        async with asyncio.timeout(timeout):
            with telemetry.span(f"evolution {method} {'/'.join(path.split('/')[:2])}"):
                status, headers, answer = await exchange(server, method, path, body, query)
    except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
        raise NotSent("Evolution cannot be reached.") from error
    except (httpx2.UnsupportedProtocol, httpx2.InvalidURL, httpx2.LocalProtocolError, UnicodeError) as error:
        raise Rejected("The address or the key of this instance is not valid.") from error
    except TimeoutError as error:
        raise Unknown(f"Evolution did not answer within {timeout:g} seconds.") from error
    except (httpx2.TransportError, httpx2.DecodingError) as error:
        raise Unknown("The connection to Evolution was cut.") from error
    if status in IN_BETWEEN:
        raise Unknown(f"A proxy before Evolution answered {status}.", status)
    try:
        said = decoded(answer) if answer else None
    except ValueError as error:
        if status < 300:
            raise Unknown("Evolution's answer cannot be read.", status) from error
        said = None
    if status >= 300:
        raise failure(server, status, headers, said, body)
    return said


async def exchange(
    server: Server, method: str, path: str, body: Any, query: dict[str, str] | None
) -> tuple[int, httpx2.Headers, bytearray]:
    root = server.api_url.rstrip("/").removesuffix("/manager").rstrip("/")
    url = httpx2.URL(f"{root}/{path}")
    if url.scheme not in ("http", "https") or not url.host or (url.port or 0) > HIGHEST_PORT:
        raise httpx2.InvalidURL("This is not an http or https address.")
    request = client().stream(
        method,
        url,
        params=query,
        content=None if body is None else orjson.dumps(body),
        headers={"apikey": server.api_key, "content-type": "application/json"},
    )
    answer = bytearray()
    async with request as response:
        async for chunk in response.aiter_bytes():
            answer += chunk
            if len(answer) > LARGEST_ANSWER:
                raise Rejected("Evolution's answer is too large.", response.status_code)
        return response.status_code, response.headers, answer


def named(server: Server) -> str:
    return quote(server.identifier, safe="")


def failure(server: Server, status: int, headers: httpx2.Headers, answer: Any, body: Any) -> CallFailed:
    detail = detail_of(server, answer, body) or f"Evolution answered {status}."
    closed = status == 400 and detail == CONNECTION_CLOSED
    if status in (429, 503) or closed:
        return NotSent(detail, status, retry_after(headers.get("retry-after")))
    return Rejected(detail, status)


def retry_after(header: str | None) -> int | None:
    """Seconds, or the date from which on it may be tried again."""
    if header is None:
        return None
    try:
        return max(0, math.ceil(float(header)))
    except (ValueError, OverflowError):
        pass
    try:
        at = parsedate_to_datetime(header).astimezone(UTC)
    except ValueError:
        return None
    return max(0, math.ceil((at - datetime.now(UTC)).total_seconds()))


def detail_of(server: Server, answer: Any, body: Any = None) -> str:
    """The vendor's words in one line, whatever they are nested in, without what nobody else should read."""
    answer = fields(answer)
    response = answer.get("response")
    message = response.get("message") if isinstance(response, dict) else response
    said = [message, answer.get("message"), answer.get("error")]
    detail = next((line for line in (". ".join(sentences(one)) for one in said) if line), "")
    for private in sorted({server.api_key, *private_values(body)}, key=len, reverse=True):
        if len(private) >= SHORTEST_PRIVATE:
            detail = detail.replace(private, "…")
    return detail[:LONGEST_DETAIL]


def sentences(message: Any) -> Iterator[str]:
    for one in elements(message):
        if isinstance(one, list):
            yield from sentences(one)
        elif isinstance(one, dict):
            yield from (NOT_ON_WHATSAPP,) if one.get("exists") is False else sentences(one.get("message"))
        elif sentence := text(one):
            yield sentence.removeprefix("Error: ").strip()


def private_values(body: Any) -> Iterator[str]:
    for name, value in fields(body).items():
        if isinstance(value, dict):
            yield from private_values(value)
        elif name in PRIVATE and isinstance(value, str):
            yield value
