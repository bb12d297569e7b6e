"""The simulator as a process of its own, as a terminal or a load test uses it."""

import asyncio
import json
import signal
import sys
from base64 import b64encode
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.messaging.evolution import events, outgoing
from services.messaging.evolution.calls import NotSent, Server
from services.messaging.inbound import Deletion, Edit, Item, Message, Reaction, StatusUpdate
from tests.fakes.loopback import serve

MARIA = "5511988887777"
ROOT = Path(__file__).parent.parent.parent


@dataclass
class Running:
    url: str
    http: httpx2.AsyncClient
    webhooks: asyncio.Queue[bytes]

    @property
    def server(self) -> Server:
        return Server(self.url, "global-key", "loja")

    async def told(self, event: str) -> Item:
        """What the next webhook of this kind tells."""
        async with asyncio.timeout(5):
            while (envelope := events.parse(await self.webhooks.get())).event != event:
                pass
        return envelope.items[0]


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    webhooks: asyncio.Queue[bytes] = asyncio.Queue()

    async def receive(request: Request) -> Response:
        webhooks.put_nowait(await request.body())
        return Response()

    async with serve(Starlette(routes=[Route("/hooks", receive, methods=["POST"])])) as endpoint:
        command = [
            "-m",
            "tests.fakes.evolution",
            "--print-url",
            "--instance=loja",
            f"--webhook={endpoint}/hooks",
        ]
        process = await asyncio.create_subprocess_exec(
            sys.executable, *command, cwd=ROOT, stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout
        url = (await process.stdout.readline()).decode().strip()
        async with httpx2.AsyncClient(base_url=url, trust_env=False) as http:
            yield Running(url, http, webhooks)
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0


async def test_a_customer_in_another_process_speaks_and_listens(running: Running) -> None:
    said = await running.http.post(f"/sim/customers/{MARIA}/messages", json={"text": "oi", "name": "Maria"})
    text = await running.told("messages.upsert")
    file = {"kind": "image", "base64": b64encode(b"png").decode(), "mimetype": "image/png", "caption": "veja"}
    await running.http.post(f"/sim/customers/{MARIA}/messages", json=file)
    image = await running.told("messages.upsert")

    async with running.http.stream("GET", f"/sim/customers/{MARIA}/events") as events:
        sent = await outgoing.send_text(running.server, MARIA, "Olá, Maria")
        line = json.loads(await anext(events.aiter_lines()))

    assert said.status_code == 201
    assert (line["kind"], line["text"], line["external_id"]) == ("text", "Olá, Maria", sent.external_id)
    assert isinstance(text, Message)
    assert isinstance(image, Message)
    assert (text.content, text.push_name, image.content) == ("oi", "Maria", "veja")
    assert (await running.http.get(f"/sim/customers/{MARIA}/messages")).json() == [line]


async def test_faults_are_planned_and_the_ledger_is_read_from_outside(running: Running) -> None:
    fault = {"kind": "status", "status": 503}
    plan = await running.http.post("/sim/plan", json={"faults": [fault], "noise": False, "status_delay": 0.0})

    with pytest.raises(NotSent):
        await outgoing.send_text(running.server, MARIA, "um")
    await outgoing.send_text(running.server, MARIA, "dois")

    assert plan.json()["faults"][0]["kind"] == "status"
    ledger = (await running.http.get("/sim/ledger")).json()
    assert [line["text"] for line in ledger] == ["dois"]


async def test_a_connection_is_cut_from_outside(running: Running) -> None:
    await running.http.post("/sim/instances/loja/connection", json={"state": "close", "reason": 401})

    with pytest.raises(NotSent, match="Connection Closed"):
        await outgoing.send_text(running.server, MARIA, "um")


@pytest.mark.parametrize(
    ("act", "body", "event", "told"),
    [
        ("reactions", {"emoji": "👍"}, "messages.upsert", Reaction),
        ("edits", {"text": "novo"}, "messages.edited", Edit),
        ("revocations", {}, "messages.delete", Deletion),
        ("reads", {}, "messages.update", StatusUpdate),
    ],
)
async def test_a_customer_acts_on_a_message_from_outside(
    running: Running, act: str, body: dict[str, str], event: str, told: type[Item]
) -> None:
    await running.http.post("/sim/plan", json={"noise": False})
    said = (await running.http.post(f"/sim/customers/{MARIA}/messages", json={"text": "oi"})).json()["id"]
    await running.told("messages.upsert")

    answer = await running.http.post(f"/sim/customers/{MARIA}/{act}", json={"target": said, **body})

    assert answer.status_code == 204
    assert isinstance(await running.told(event), told)
