"""The event stream, over the wire: what changes is seen at once, by those who may, without gap or double."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from services.kit.bus import STREAM, Bus
from services.kit.tables import new_id
from tests.e2e.conftest import PASSWORD, Office
from tests.e2e.stack import Stack, ready
from tests.e2e.test_first_light import phone
from tests.listening import listening

pytestmark = pytest.mark.timeout(240)

RECEIVED = "messaging.message_received"
STATUS = "messaging.message_status_changed"


async def agent(stack: Stack) -> dict[str, Any]:
    person = {"email": f"{new_id()}@empresa.com.br", "password": PASSWORD, "fullName": "Um Agente"}
    await stack.call("POST", "/api/auth/register", person, expect=201)
    return await stack.call("POST", "/api/auth/login", person)


async def bus(stack: Stack) -> Bus:
    """The stream itself, to compare with."""
    text = (stack.home / "nats.conf").read_text()
    address = text.split("listen: ")[1].split("\n")[0]
    password = text.split("user: operator, password: ")[1].split()[0]
    opened = Bus(f"nats://operator:{password}@{address}", "test")
    await opened.open()
    return opened


async def test_a_message_is_seen_at_once_with_its_conversation(office: Office) -> None:
    customer = phone()
    async with listening(office.stack.client, office.token) as ear:
        office.simulator.say(customer, "Chegou o meu pedido?", instance=office.instance)
        await ear.until(lambda: bool(ear.of(RECEIVED)))

    [told] = ear.of(RECEIVED)
    conversation = await office.conversation(customer)
    assert told["message"]["content"] == "Chegou o meu pedido?"
    assert told["conversation"] == conversation
    assert told["conversationId"] == conversation["id"]


async def test_twice_the_last_id_is_twice_the_same_and_the_next_one_is_what_followed(office: Office) -> None:
    customer = phone()
    async with listening(office.stack.client, office.token) as ear:
        for text in ("um", "dois", "três"):
            office.simulator.say(customer, text, instance=office.instance)
        await ear.until(lambda: len(ear.of(RECEIVED)) == 3)
    first, *later = [one for one in ear.heard if one.name == RECEIVED]

    async with listening(office.stack.client, office.token, str(first.id)) as again:
        await again.until(lambda: len(again.of(RECEIVED)) == 2)

    assert [one.id for one in again.heard if one.name == RECEIVED] == [one.id for one in later]


async def test_a_ticket_opens_one_stream(office: Office) -> None:
    made = await office.call("POST", "/api/events/ticket", {})
    url = f"/api/events?ticket={made['ticket']}"

    async with office.stack.client.stream("GET", url) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/event-stream"
    again = await office.stack.client.get(url)

    assert (again.status_code, again.json()["code"]) == (401, "ticket_refused")
    assert made["expiresIn"] == 60


async def test_without_a_token_there_is_no_stream(office: Office) -> None:
    for url in ("/api/events", "/api/events?ticket=nonsense"):
        assert (await office.stack.client.get(url)).status_code == 401
    bad = await office.stack.client.get(
        "/api/events?lastEventId=x", headers={"authorization": f"Bearer {office.token}"}
    )
    assert bad.status_code == 400


async def test_logging_out_ends_the_stream(office: Office) -> None:
    tokens = await agent(office.stack)
    async with listening(office.stack.client, tokens["accessToken"]) as ear:
        await office.stack.call("POST", "/api/auth/logout", {}, token=tokens["accessToken"])
        await ear.until(lambda: ear.refused == 401, timeout=5)

    assert ear.connections == 1


async def test_killing_the_gateway_ten_times_loses_nothing_and_doubles_nothing(office: Office) -> None:
    customers = [phone() for _ in range(50)]
    events = await bus(office.stack)
    before = (await events.stream.stream_info(STREAM)).state.last_seq

    async with listening(office.stack.client, office.token) as ear:
        for turn in range(10):
            for customer in customers:
                office.simulator.say(customer, f"{turn}", instance=office.instance)
            await asyncio.sleep(0.15)
            office.stack.kill("gateway")
            await ready(office.stack)
        await office.simulator.settled(60)
        last = office.simulator.say(customers[0], "fim", instance=office.instance)
        assert last
        await ear.until(lambda: any(one["content"] == "fim" for one in ear.of(RECEIVED)), timeout=60)

    expected = await sequences(events, before, ear.heard[-1].id)
    assert ear.connections >= 10
    assert [one.id for one in ear.heard] == expected
    await events.close()


async def sequences(events: Bus, after: int, upto: int) -> list[int]:
    """The places of everything that an administrator is told."""
    from gateway import stream
    from gateway.sight import _kind

    found: list[int] = []
    async for batch in stream.follow(events, after):
        found += [stream.place(one) for one in batch if _kind(one) and stream.place(one) <= upto]
        if stream.place(batch[-1]) >= upto:
            return found
    raise AssertionError


async def test_a_thousand_people_listen_to_one_gateway(office: Office) -> None:
    tokens = [(await agent(office.stack))["accessToken"] for _ in range(50)]
    [gateway] = office.stack.members("gateway")
    before = gateway.memory_info().rss
    open_ones: list[int] = []
    limits = httpx2.Limits(max_connections=1100)
    url = office.stack.url
    async with httpx2.AsyncClient(base_url=url, limits=limits, timeout=60, trust_env=False) as client:

        async def listen(number: int) -> int:
            headers = {"authorization": f"Bearer {tokens[number % len(tokens)]}"}
            async with client.stream("GET", "/api/events", headers=headers) as answer:
                assert answer.status_code == 200
                open_ones.append(number)
                return [line async for line in answer.aiter_lines()].count(f"event: {RECEIVED}")

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(listen(number)) for number in range(1000)]
            await until(lambda: len(open_ones) == 1000)
            used = gateway.memory_info().rss - before
            office.simulator.say(phone(), "Alguém aí?", instance=office.instance)
            await asyncio.sleep(3)
            gateway.terminate()

    assert [task.result() for task in tasks] == [1] * 1000
    assert used < 100 * 1024 * 1024
    await ready(office.stack)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not true():  # noqa: ASYNC110 - nothing tells when the last of many is there
            await asyncio.sleep(0.1)
