"""Addresses that people type, through every route that takes one: none leads to a private place."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from google.protobuf.descriptor import Descriptor

from gateway.routes import ROUTES
from gateway.wire import is_map, rule
from protos import rules_pb2
from services.kit.settings import load
from services.kit.tables import new_id
from services.messaging import settings as messaging
from services.messaging.evolution import calls
from tests.gateway.conftest import Staff
from tests.gateway.house import Front, House
from tests.gateway.office import ROWS
from tests.kit.test_egress import MALFORMED, PRIVATE

pytestmark = pytest.mark.timeout(240)

PUBLIC = "http://8.8.8.8"
LATER = "2035-01-10T15:00:00Z"
TAKEN = {  # the bodies of all routes that take an address, by the field that it stands in
    "POST /api/whatsapp/instances": ("apiUrl", {"name": "Loja", "apiKey": "invented"}),
    "PUT /api/whatsapp/instances/{id}": ("apiUrl", {}),
    "POST /api/whatsapp/instances/{id}/configure-webhook": ("url", {}),
    "POST /api/whatsapp/messages/send": ("mediaUrl", {"messageType": "document"}),
    "POST /api/campaigns": ("mediaUrl", {"name": "Oferta", "messageTemplate": "Olá"}),
    "POST /api/meetings/schedule": ("meetingUrl", {"title": "Visita", "scheduledAt": LATER}),
    "PUT /api/meetings/{id}": ("meetingUrl", {}),
    "PUT /api/users/me": ("avatarUrl", {}),
}
REFUSED = {  # what is called is refused before it is kept; the others are only shown
    "POST /api/whatsapp/instances",
    "PUT /api/whatsapp/instances/{id}",
    "POST /api/whatsapp/messages/send",
}
CALLING = (
    ("POST", "/api/whatsapp/instances/{id}/test"),
    ("POST", "/api/whatsapp/instances/{id}/connect"),
    ("POST", "/api/whatsapp/instances/{id}/configure-webhook"),
)


def forms(port: int) -> list[str]:
    return [*(f"http://{host}:{port}/" for host in PRIVATE), *(one for one in MALFORMED if one)]


def takes_addresses(descriptor: Descriptor) -> bool:
    """Whether a field of a request, however deep, is an address."""
    return any(
        rule(field).format == rules_pb2.URL
        or field.name.endswith("url")
        or (field.message_type and not is_map(field) and takes_addresses(field.message_type))
        for field in descriptor.fields
    )


@asynccontextmanager
async def canary() -> AsyncIterator[tuple[int, list[str]]]:
    """A server on loopback, its port and who came."""
    visits: list[str] = []

    async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visits.append((await reader.readline()).decode())
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
        writer.close()

    async with await asyncio.start_server(visit, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with await asyncio.start_server(visit, "::1", port):
            yield port, visits


async def forget() -> None:
    """Settings are read anew."""
    await calls.close()
    for remembered in (load, messaging.settings, messaging.callable_hosts):
        remembered.cache_clear()


@pytest.fixture
async def closed(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """The operator has named no private host."""
    monkeypatch.setenv("EGRESS_PRIVATE", "")
    await forget()
    yield
    monkeypatch.undo()
    await forget()


@pytest.fixture
async def instance(house: House, front: Front, staff: Staff) -> str:
    body = {"name": "Loja", "instanceName": new_id(), "apiUrl": PUBLIC, "apiKey": "invented"}
    made = await front.call("POST", "/api/whatsapp/instances", body, token=staff.admin)
    return str(made.json()["instance"]["id"])


async def lead_to(house: House, instance: str, url: str) -> None:
    """As if it had been let in, or its name meant something else meanwhile."""
    async with house.databases["messaging"].begin() as session:
        statement = "update instance_secrets set api_url = %(url)s where instance_id = %(id)s"
        await session.run(statement, url=url, id=instance)


async def configure(front: Front, staff: Staff, instance: str) -> httpx2.Response:
    path = f"/api/whatsapp/instances/{instance}/configure-webhook"
    return await front.call("POST", path, {}, token=staff.admin)


def test_no_route_that_takes_an_address_is_forgotten() -> None:
    found = {f"{one.method} {one.path}" for one in ROUTES if takes_addresses(one.rpc.input_type)}

    assert found == {*TAKEN}


@pytest.mark.parametrize("name", TAKEN)
async def test_an_address_that_is_sent_leads_nowhere_private(
    house: House, front: Front, staff: Staff, instance: str, closed: None, name: str
) -> None:
    field, rest = TAKEN[name]
    conversation = new_id()
    async with house.databases["messaging"].begin() as session:
        await session.run(ROWS, instance=new_id(), contact=new_id(), id=conversation)
    method, path = name.split()
    path = path.replace("{id}", instance)
    body = {**rest, "conversationId": conversation} if "send" in path else rest

    async with canary() as (port, visits):
        answers = {}
        for url in forms(port):
            sent: dict[str, Any] = {**body, field: url, "instanceName": new_id()}
            answers[url] = await front.call(method, path, sent, token=staff.admin)
        await asyncio.sleep(0.2)

    assert not visits
    assert not [url for url, answer in answers.items() if answer.status_code in (500, 504)]
    if name in REFUSED:
        assert {answer.status_code for answer in answers.values()} == {400}


@pytest.mark.parametrize(("method", "path"), CALLING)
async def test_an_address_that_is_kept_is_not_called_where_it_leads_to_a_private_place(
    house: House, front: Front, staff: Staff, instance: str, closed: None, method: str, path: str
) -> None:
    async with canary() as (port, visits):
        for url in forms(port):
            await lead_to(house, instance, url)
            await front.call(method, path.format(id=instance), {}, token=staff.admin)

    assert not visits


async def test_an_open_door_and_a_closed_one_look_the_same(
    house: House, front: Front, staff: Staff, instance: str, closed: None
) -> None:
    answers = []
    async with canary() as (port, _):
        for url in (f"http://127.0.0.1:{port}", "http://127.0.0.1:9", "http://10.0.0.1:80"):
            await lead_to(house, instance, url)
            answers.append(await configure(front, staff, instance))

    assert len({(answer.status_code, answer.json()["detail"]) for answer in answers}) == 1


async def test_control_what_the_operator_names_is_called(
    house: House, front: Front, staff: Staff, instance: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EGRESS_PRIVATE", "127.0.0.0/8")
    await forget()
    async with canary() as (port, visits):
        await lead_to(house, instance, f"http://127.0.0.1:{port}")
        await configure(front, staff, instance)
    monkeypatch.undo()
    await forget()

    assert visits
