"""The edge: whatever answers, and whatever was asked, the answer has its shape and its headers."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from gateway.cors import DEVELOPMENT, origins
from gateway.exchange import SECURITY
from tests.gateway.house import Front

FRONTEND = "http://localhost:5173"
FOREIGN = [
    *("null", "http://evil.example", "https://localhost:5173", "http://localhost:5174", "http://localhost"),
    *("http://localhost:5173.evil.example", "http://evil.example/http://localhost:5173", "*", ""),
    *("http://localhost:51730", "http://xlocalhost:5173", "http://localhost:5173/", "HTTP://LOCALHOST:5173"),
    *("http://[::1]:5173", "http://localhost.evil.example:5173", "file://", "http://localhost:5173, null"),
    *("http://user@localhost:5173", "ftp://localhost:5173", "http://app.empresa.com.br.evil.example"),
]
MALFORMED = [
    b"GET / HTTP/1.1\r\n\r\n",
    b"NONSENSE\r\n\r\n",
    b"GET /\xff HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    b"GET /health HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n",
    b"GET /%00 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
]


async def raw(front: Front, octets: bytes) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of the answer to these very octets."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(front.url.rsplit(":", 1)[1]))
    writer.write(octets)
    head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)).decode().split("\r\n")
    fields = dict(line.lower().split(": ", 1) for line in head[1:] if line)
    body = await asyncio.wait_for(reader.readexactly(int(fields["content-length"])), 10)
    writer.close()
    return int(head[0].split()[1]), fields, body


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing/here", 404, "not_found"),
        ("GET", "/api/nothing/here", 404, "not_found"),
        ("GET", "/api/users/%zz", 400, "bad_path"),
        ("GET", "/api/users/%ff", 400, "bad_path"),
        ("GET", "/api//users", 404, "not_found"),
        ("GET", "/api/auth/me", 401, "no_token"),
        ("GET", "/api/auth/me?x=%ff", 401, "no_token"),
        ("PATCH", "/api/auth/me", 405, "method_not_allowed"),
        ("POST", "/health", 405, "method_not_allowed"),
        ("GET", "/api/auth/login", 405, "method_not_allowed"),
        ("GET", "/api/whatsapp/webhooks/evolution", 405, "method_not_allowed"),
        ("POST", "/api/auth/login", 400, "validation_error"),
    ],
)
async def test_refusals_are_problem_documents(
    front: Front, method: str, path: str, status: int, code: str
) -> None:
    answer = await front.call(method, path, headers={"x-request-id": "from-the-client"})

    problem = answer.json()
    assert (answer.status_code, problem["status"], problem["code"]) == (status, status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["error"] == problem["detail"]
    assert problem["requestId"] == answer.headers["x-request-id"] == "from-the-client"


async def test_bodies_that_are_no_json_object_are_400_or_415(front: Front) -> None:
    answers = [
        await front.client.post("/api/auth/login", content=body, headers={"content-type": kind})
        for body, kind in (
            (b"{", "application/json"),
            (b"[]", "application/json"),
            (b'"text"', "application/json"),
            (b"\xff\xfe", "application/json"),
            (b"[" * 100_000, "application/json"),
            (b"a=b", "application/x-www-form-urlencoded"),
        )
    ]

    assert [answer.status_code for answer in answers] == [400, 400, 400, 400, 400, 415]


async def test_an_id_of_the_client_that_is_no_id_is_replaced(front: Front) -> None:
    answer = await front.call("GET", "/api/auth/me", headers={"x-request-id": 'a "b" c'})

    assert answer.headers["x-request-id"] == answer.json()["requestId"] != 'a "b" c'


async def test_every_answer_has_the_headers_of_helmet(front: Front) -> None:
    answers = [
        await front.call(method, path)
        for method, path in (
            ("GET", "/health"),
            ("HEAD", "/health"),
            ("OPTIONS", "/health"),
            ("GET", "/nothing"),
            ("GET", "/api/auth/me"),
            ("DELETE", "/api/auth/me"),
            ("POST", "/api/auth/login"),
        )
    ]

    for answer in answers:
        assert {name.decode(): answer.headers.get(name.decode()) for name, _ in SECURITY} == {
            name.decode(): value.decode() for name, value in SECURITY
        }
        assert answer.headers["cache-control"] == "no-store"
        assert not {"server", "x-powered-by"} & answer.headers.keys()


@pytest.mark.parametrize("octets", MALFORMED)
async def test_what_envoy_refuses_by_itself_looks_the_same(front: Front, octets: bytes) -> None:
    status, fields, body = await raw(front, octets)

    assert status == 400
    assert fields["content-type"] == "application/problem+json"
    assert json.loads(body)["code"] == "bad_request"
    for name, value in SECURITY:
        assert fields[name.decode()] == value.decode().lower()


async def test_head_is_get_without_a_body_and_options_names_the_methods(front: Front) -> None:
    got, head = await front.call("GET", "/api/auth/me"), await front.call("HEAD", "/api/auth/me")
    options = await front.call("OPTIONS", "/api/auth/me")
    wrong = await front.call("DELETE", "/api/auth/login")

    assert head.status_code == got.status_code == 401
    assert not head.content
    assert head.headers["content-type"] == got.headers["content-type"]
    assert (options.status_code, options.headers["allow"]) == (204, "GET, HEAD, OPTIONS")
    assert wrong.headers["allow"] == "OPTIONS, POST"
    assert (await front.call("OPTIONS", "/health")).headers["allow"] == "GET, HEAD, OPTIONS"
    assert (await front.call("OPTIONS", "/nothing")).status_code == 404


async def test_a_slash_at_the_end_does_not_matter(front: Front) -> None:
    assert (await front.call("GET", "/api/auth/me/")).status_code == 401


async def test_a_page_of_the_frontend_may_call(front: Front) -> None:
    asking = {"origin": FRONTEND, "access-control-request-method": "PUT"}
    preflight = await front.call("OPTIONS", "/api/users/me", headers=asking)
    answer = await front.call("GET", "/api/auth/me", headers={"origin": FRONTEND})

    assert preflight.status_code == 204
    assert "Idempotency-Key" in preflight.headers["access-control-allow-headers"]
    assert "PUT" in preflight.headers["access-control-allow-methods"]
    for one in (preflight, answer):
        assert one.headers["access-control-allow-origin"] == FRONTEND
        assert one.headers["access-control-allow-credentials"] == "true"
        assert one.headers["vary"] == "Origin"


@pytest.mark.parametrize("origin", FOREIGN)
async def test_no_other_page_may(front: Front, origin: str) -> None:
    asking = {"origin": origin, "access-control-request-method": "GET"}
    answers = [
        await front.call("OPTIONS", "/api/users", headers=asking),
        await front.call("GET", "/health", headers={"origin": origin}),
    ]

    for answer in answers:
        assert not [name for name in answer.headers if name.startswith("access-control")]


def test_in_production_only_what_is_named_counts() -> None:
    named = "https://app.empresa.com.br, https://outro.empresa.com.br/"

    assert origins(named, production=True) == {"https://app.empresa.com.br", "https://outro.empresa.com.br"}
    assert origins(named, production=False) > DEVELOPMENT


async def test_a_body_over_the_limit_is_refused_before_it_is_sent(front: Front) -> None:
    head = b"POST /api/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"

    status, _, body = await raw(front, head + b"Content-Length: 10485761\r\n\r\n{")

    assert status == 413
    assert json.loads(body)["detail"] == "The body is larger than 10 MB."


async def test_a_body_without_a_length_is_counted_as_it_comes(front: Front) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(11 * 16):
            yield b" " * 65536

    answer = await front.client.post(
        "/api/auth/login",
        content=endless(),
        headers={"content-type": "application/json"},
    )

    assert answer.status_code == 413
