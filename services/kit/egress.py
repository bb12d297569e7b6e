"""Calls to addresses that people typed: vetted where they lead to, and made to exactly what was vetted."""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import httpx2

from services.kit.errors import Invalid

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolve = Callable[[str, int], Awaitable[list[str]]]

# `is_global` of the standard library lets multicast, NAT64, 6to4 and site-local addresses through.
UNICAST = ipaddress.IPv6Network("2000::/3")
SPECIAL = [
    ipaddress.ip_network(network)
    for network in (
        "192.88.99.0/24",  # relays of 6to4
        "2001::/23",  # Teredo and other protocols
        "2001:db8::/32",
        "2002::/16",  # 6to4 carries any IPv4 address
        "3fff::/20",
    )
]
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class AddressNotAllowed(Invalid):
    """This address may not be called from here: it is not on the public internet."""


@dataclass(frozen=True)
class Policy:
    """The private hosts and networks that may be called all the same; the operator names them."""

    hosts: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()

    def allows(self, host: str, address: str) -> bool:
        number = plain(ipaddress.ip_address(address))
        if is_public(number) or host.rstrip(".").lower() in self.hosts:
            return True
        return any(number in network for network in self.networks if network.version == number.version)


def policy(text: str) -> Policy:
    """From names, addresses and networks with commas between them."""
    hosts: set[str] = set()
    networks: list[Network] = []
    for part in filter(None, (one.strip() for one in text.split(","))):
        try:
            networks.append(ipaddress.ip_network(part, strict=False))
        except ValueError:
            hosts.add(part.rstrip(".").lower())
    return Policy(frozenset(hosts), tuple(networks))


def plain(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return address.ipv4_mapped
        if address in NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def is_public(address: Address) -> bool:
    if not address.is_global or address.is_multicast or address.is_reserved:
        return False
    if address.version == 6 and address not in UNICAST:
        return False
    return not any(address in network for network in SPECIAL if network.version == address.version)


async def resolve(host: str, port: int) -> list[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [*dict.fromkeys(str(address[0]) for *_, address in found)]


async def vet(url: str, policy: Policy, resolve: Resolve = resolve) -> None:
    """Refuse an address before it is stored. A name that means nothing yet may be stored: see `Transport`."""
    try:
        parts = httpx2.URL(url)
        host, port = parts.raw_host.decode().rstrip("."), parts.port or 0
    except (httpx2.InvalidURL, ValueError, TypeError) as error:
        raise AddressNotAllowed("This is not an http or https address.") from error
    if parts.scheme not in ("http", "https") or not host or port > 65535:
        raise AddressNotAllowed("This is not an http or https address.")
    if parts.userinfo:
        raise AddressNotAllowed("An address may not carry a user name or a password.")
    try:
        addresses = await resolve(host, port)
    except (OSError, UnicodeError):
        return
    if not all(policy.allows(host, address) for address in addresses):
        raise AddressNotAllowed


class Transport(httpx2.AsyncBaseTransport):
    """Connects to a vetted address only: what the name means at this moment, and not what it means next.

    Redirects pass here again. What is refused looks like what cannot be reached.
    """

    def __init__(self, inner: httpx2.AsyncBaseTransport, policy: Policy, resolve: Resolve = resolve) -> None:
        self.inner = inner
        self.policy = policy
        self.resolve = resolve

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        host = request.url.raw_host.decode()
        failure = httpx2.ConnectError("The address cannot be reached.", request=request)
        for address in await self._addresses(request, host):
            pinned = httpx2.Request(
                request.method,
                request.url.copy_with(host=address),
                headers=request.headers,
                stream=request.stream,
                extensions={**request.extensions, "sni_hostname": host},
            )
            try:
                return await self.inner.handle_async_request(pinned)
            except (httpx2.ConnectError, httpx2.ConnectTimeout):
                continue  # nothing has been sent: the next address may do
        raise failure

    async def _addresses(self, request: httpx2.Request, host: str) -> list[str]:
        port = request.url.port or (443 if request.url.scheme == "https" else 80)
        try:
            found = await self.resolve(host, port)
        except (OSError, UnicodeError):
            return []
        return [address for address in found if self.policy.allows(host, address)]

    async def aclose(self) -> None:
        await self.inner.aclose()
