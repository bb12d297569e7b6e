"""Calls to the outside: no form of an address and no trick with names leads to a private place."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx2
import pytest

from services.kit import egress
from services.kit.egress import AddressNotAllowed, Policy, Transport, policy

PRIVATE = [
    *("127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001"),
    *("0.0.0.0", "0", "localhost", "LOCALHOST", "localhost.", "127.0.0.1.", "127.255.255.254"),
    *("10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1", "192.168.255.255"),
    *("169.254.169.254", "169.254.0.1", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376"),
    *("100.64.0.1", "100.127.255.255", "192.0.0.1", "192.0.2.1", "198.18.0.1", "198.19.255.255"),
    *("198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"),
    *("192.88.99.1", "[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]"),
    *("[::ffff:10.0.0.1]", "[::ffff:169.254.169.254]", "[::127.0.0.1]", "[64:ff9b::7f00:1]"),
    *("[64:ff9b::10.0.0.1]", "[64:ff9b::a9fe:a9fe]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]"),
    *("[2002:a00:1::]", "[2001::1]", "[2001:0:7f00:1::]", "[2001:db8::1]", "[2001:10::1]", "[3fff::1]"),
    *("[fc00::1]", "[fd00::1]", "[fd12:3456:789a::1]", "[fe80::1]", "[fec0::1]", "[ff02::1]", "[ff0e::1]"),
    *("[100::1]", "[5f00::1]", "[::ffff:0:127.0.0.1]", "[::ffff:192.168.1.1]", "[::ffff:a9fe:a9fe]"),
]
MALFORMED = [
    *("gopher://8.8.8.8/", "file:///etc/passwd", "ftp://8.8.8.8/", "dict://8.8.8.8:11211/", "//8.8.8.8/"),
    *("http://", "http:///path", "javascript:alert(1)", "data:text/plain,x", "http://8.8.8.8:70000/"),
    *("http://user@8.8.8.8/", "http://user:password@8.8.8.8/", "http://8.8.8.8@127.0.0.1/", "8.8.8.8"),
    *("http://[::1/", "http://8.8.8.8:port/", "http://8.8.8.8\r\nHost: internal/", ""),
]
PUBLIC = ["8.8.8.8", "1.1.1.1", "[2606:4700::1111]", "[64:ff9b::8.8.8.8]", "[::ffff:8.8.8.8]"]


@asynccontextmanager
async def canary() -> AsyncIterator[tuple[int, list[bytes]]]:
    """A server on loopback that notes who came; its port and the first lines of what they said."""
    visits: list[bytes] = []

    async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visits.append(await reader.readline())
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
        writer.close()

    server = await asyncio.start_server(visit, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], visits


def client(
    allowed: Policy, resolve: Callable[[str, int], Awaitable[list[str]]] = egress.resolve
) -> httpx2.AsyncClient:
    inner = httpx2.AsyncHTTPTransport(trust_env=False)
    return httpx2.AsyncClient(
        transport=Transport(inner, allowed, resolve), timeout=2, trust_env=False, follow_redirects=True
    )


def answering(*answers: list[str]) -> Callable[[str, int], Awaitable[list[str]]]:
    """A name server that says something else each time; the last answer stays."""
    left = [*answers]

    async def resolve(host: str, port: int) -> list[str]:
        return left.pop(0) if len(left) > 1 else left[0]

    return resolve


@pytest.mark.parametrize("host", PRIVATE)
async def test_a_private_address_is_refused_in_every_spelling(host: str) -> None:
    with pytest.raises(AddressNotAllowed):
        await egress.vet(f"http://{host}:8080/", Policy())


@pytest.mark.parametrize("url", MALFORMED)
async def test_what_is_no_plain_http_address_is_refused(url: str) -> None:
    with pytest.raises(AddressNotAllowed):
        await egress.vet(url, Policy())


@pytest.mark.parametrize("host", PUBLIC)
async def test_a_public_address_is_allowed(host: str) -> None:
    await egress.vet(f"https://{host}/", Policy())


async def test_a_name_is_refused_when_one_of_its_addresses_is_private() -> None:
    resolve = answering(["8.8.8.8", "10.0.0.1"])

    with pytest.raises(AddressNotAllowed):
        await egress.vet("https://mixed.example/", Policy(), resolve)


@pytest.mark.parametrize("host", PRIVATE)
async def test_nothing_connects_to_a_private_address(host: str) -> None:
    async with canary() as (port, visits), client(Policy()) as outside:
        with pytest.raises((httpx2.TransportError, httpx2.InvalidURL)):
            await outside.get(f"http://{host}:{port}/")

    assert not visits


async def test_a_name_that_changes_its_mind_after_it_was_vetted_gains_nothing() -> None:
    resolve = answering(["8.8.8.8"], ["127.0.0.1"])
    async with canary() as (port, visits), client(Policy(), resolve) as outside:
        await egress.vet(f"http://rebinding.example:{port}/", Policy(), resolve)

        with pytest.raises(httpx2.ConnectError):
            await outside.get(f"http://rebinding.example:{port}/")

    assert not visits


async def test_a_redirect_to_a_private_address_is_not_followed() -> None:
    async def redirect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.3:{port}/\r\n\r\n".encode())
        writer.close()

    async with canary() as (port, visits):
        entry = await asyncio.start_server(redirect, "127.0.0.2", 0)
        entry_port = entry.sockets[0].getsockname()[1]
        async with entry, client(policy("127.0.0.2")) as outside:
            with pytest.raises(httpx2.ConnectError):
                await outside.get(f"http://127.0.0.2:{entry_port}/")

    assert not visits


async def test_the_operator_may_name_private_hosts_and_networks() -> None:
    async with canary() as (port, visits), client(policy("evolution.internal, 10.0.0.0/8")) as outside:
        with pytest.raises(httpx2.ConnectError):
            await outside.get(f"http://127.0.0.1:{port}/")
    async with canary() as (port, visits), client(policy("127.0.0.0/8")) as outside:
        answer = await outside.get(f"http://127.0.0.1:{port}/status")

    assert answer.text == "ok"
    assert visits == [b"GET /status HTTP/1.1\r\n"]


async def test_a_named_host_keeps_its_name_in_the_request() -> None:
    resolve = answering(["::1", "127.0.0.1"])
    async with canary() as (port, visits), client(policy("evolution.internal"), resolve) as outside:
        answer = await outside.get(f"http://evolution.internal:{port}/")

    assert answer.status_code == 200
    assert answer.request.headers["host"] == f"evolution.internal:{port}"
    assert len(visits) == 1


async def test_what_is_refused_looks_like_what_is_closed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        closed = listener.getsockname()[1]
    messages = []
    for allowed in (Policy(), policy("127.0.0.0/8")):
        async with client(allowed) as outside:
            with pytest.raises(httpx2.ConnectError) as refused:
                await outside.get(f"http://127.0.0.1:{closed}/")
            messages.append(str(refused.value))

    assert messages[0] == messages[1]
