"""What lies at an address that somebody told us: fetched from hosts that are known, and from no other."""

from functools import cache
from urllib.parse import urlsplit

import httpx2

from services.kit import egress
from services.messaging.evolution.calls import Server
from services.messaging.settings import callable_hosts, settings

TIMEOUT = 60.0


class TooLong(Exception):
    """It is larger than what is kept."""


async def fetch(server: Server, url: str, *, most: int, domain: str | None = None) -> bytes | None:
    """From Evolution's own store, or a host of this domain; None from any other, and if there is nothing."""
    host = (urlsplit(url).hostname or "").lower()
    known = {one.strip().lower() for one in settings().evolution_media_hosts.split(",") if one.strip()}
    is_of_domain = domain is not None and host.endswith(f".{domain}")
    if not is_of_domain and host not in known | {urlsplit(server.api_url).hostname}:
        return None
    content = bytearray()
    try:
        async with _client().stream("GET", url) as answer:
            if answer.status_code != 200:
                return None
            async for chunk in answer.aiter_bytes():
                content += chunk
                if len(content) > most:
                    raise TooLong
    except (httpx2.HTTPError, httpx2.InvalidURL):
        return None
    return bytes(content)


@cache
def _client() -> httpx2.AsyncClient:
    inner = httpx2.AsyncHTTPTransport(trust_env=False)
    return httpx2.AsyncClient(transport=egress.Transport(inner, callable_hosts()), timeout=TIMEOUT)
