"""Envoy: the template that the local stack, compose and Kubernetes share."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
import yaml

from deploy.local import infrastructure, ports, process
from gateway import webhooks
from gateway.routes import ROUTES
from services.kit import idempotency

FRONTEND = "http://localhost:5173"


@pytest.fixture
async def edge(folder: Path) -> AsyncIterator[httpx2.AsyncClient]:
    """Envoy in front of a gateway that is not there."""
    port, admin_port, gateway = ports.free(3)
    part = infrastructure.envoy(folder, port, admin_port, [gateway], folder / "envoy.log")
    async with process.running(part), httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        yield client


def test_the_template_is_valid_for_one_gateway_and_for_several(tmp_path: Path) -> None:
    for gateways in ([9001], [9001, 9002, 9003]):
        file = tmp_path / "envoy.yaml"
        file.write_text(infrastructure.edge(9000, 9100, gateways))

        command = [str(infrastructure.envoy_program()), "--mode", "validate", "-l", "warn", "-c", str(file)]
        validation = subprocess.run(command, capture_output=True, text=True, check=False)

        assert validation.returncode == 0, validation.stderr


def test_nothing_is_sent_twice_and_no_connection_is_upgraded() -> None:
    configuration = infrastructure.edge(9000, 9100, [9001])

    assert "retry_policy:" not in configuration
    assert "upgrade_configs" not in configuration


def test_it_waits_longer_than_any_route_may_take() -> None:
    hasty = {route.path for route in ROUTES if route.timeout >= patience(route.path)}

    assert hasty == set()
    assert patience(webhooks.PATH) == patience(f"{webhooks.PATH}/messages-upsert") > webhooks.BODY_TIMEOUT


def test_a_claim_of_a_key_lives_longer_than_any_route_may_take() -> None:
    """But for files: the key is claimed when the file is there."""
    longest = max(route.timeout for route in ROUTES if route.keyed and not route.takes_file)

    assert longest < idempotency.LEASE.total_seconds()


async def test_its_own_errors_are_problems_with_the_callers_request_id(edge: httpx2.AsyncClient) -> None:
    answer = await edge.get("/api/conversations", headers={"x-request-id": "a-request"})

    problem = answer.json()
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert problem["code"] == "unavailable"
    assert problem["error"] == problem["detail"]
    assert problem["status"] == 503
    assert problem["requestId"] == answer.headers["x-request-id"] == "a-request"


async def test_its_own_errors_say_when_to_come_back_and_a_page_of_the_frontend_may_read_them(
    edge: httpx2.AsyncClient,
) -> None:
    ours = await edge.get("/api/conversations", headers={"origin": FRONTEND})
    mine = await edge.get("/api/conversations")

    assert ours.headers["retry-after"] == mine.headers["retry-after"] == "2"
    assert ours.headers["access-control-allow-origin"] == FRONTEND
    assert ours.headers["access-control-allow-credentials"] == "true"
    assert "Retry-After" in ours.headers["access-control-expose-headers"]
    assert not [name for name in mine.headers if name.startswith("access-control")]


@pytest.mark.parametrize("origin", ["null", "http://evil.example", f"{FRONTEND}.evil.example", "*", ""])
async def test_no_other_page_may(edge: httpx2.AsyncClient, origin: str) -> None:
    answer = await edge.get("/api/conversations", headers={"origin": origin})

    assert answer.headers["vary"] == "Origin"
    assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_headers_too_large_are_a_problem_too(edge: httpx2.AsyncClient) -> None:
    answer = await edge.get("/", headers={"x-large": "x" * 70_000})

    assert answer.status_code == 431
    assert answer.json()["code"] == "headers_too_large"


async def test_its_log_has_paths_but_neither_queries_nor_invitations(
    edge: httpx2.AsyncClient, folder: Path
) -> None:
    await edge.get("/api/events", params={"ticket": "secret-1"}, headers={"authorization": "secret-2"})
    await edge.post("/api/team/accept-invite/secret-3", json={"password": "secret-4"})
    await edge.get("/sim/customers/secret-5/events")

    await asyncio.wait_for(process.until(lambda: logged(folder / "envoy.log")), 20)
    text = (folder / "envoy.log").read_text()

    [entry] = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    assert (entry["method"], entry["path"], entry["status"]) == ("GET", "/api/events", 503)
    assert "secret" not in text


def patience(path: str) -> float:
    """Seconds that Envoy waits for the answer to a request, once it is here."""
    configured = yaml.safe_load(infrastructure.edge(9000, 9100, [9001]))
    [listener] = configured["static_resources"]["listeners"]
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    [host] = manager["route_config"]["virtual_hosts"]
    found = next(route for route in host["routes"] if leads(route["match"], path))
    return float(found["route"]["timeout"].removesuffix("s"))


def leads(match: dict[str, str], path: str) -> bool:
    [(kind, value)] = match.items()
    below = value.rstrip("/") + "/"
    return path == value or (kind != "path" and path.startswith(below))


async def logged(log: Path) -> bool:
    return "http_request" in await asyncio.to_thread(log.read_text)
