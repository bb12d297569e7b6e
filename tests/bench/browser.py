"""How soon a browser sees what a customer wrote: from a webhook to `GET /api/events`, at a quiet pace."""

import asyncio
import statistics
import time

import httpx2

from services.kit.tables import new_id
from tests.bench.findings import Findings
from tests.bench.office import Office
from tests.listening import listening

MESSAGES = 200
PAUSE = 0.1
RECEIVED = "messaging.message_received"


async def browser(office: Office) -> Findings:
    """A client that listens as a browser does, and another one that is WhatsApp."""
    sent: dict[str, float] = {}
    accepted: dict[str, float] = {}
    async with (
        httpx2.AsyncClient(base_url=office.stack.url, timeout=60, trust_env=False) as client,
        listening(client, office.token) as ear,
    ):
        for number in range(MESSAGES):
            text = f"{number}: {new_id()}"
            sent[text] = time.perf_counter()
            answer = await client.post(office.webhook["url"], json=_said(office.instance, number, text))
            accepted[text] = time.perf_counter()
            assert answer.status_code == 200, answer.text
            await asyncio.sleep(PAUSE)
        await ear.until(lambda: len(ear.of(RECEIVED)) >= MESSAGES)
    arrived = {one.data["message"]["content"]: one.at for one in ear.heard if one.name == RECEIVED}
    return Findings(
        [
            ["webhook to `GET /api/events`", "events", "p50 ms", "p99 ms", "worst ms"],
            _line("since it was sent", sent, arrived),
            _line("since it was accepted", accepted, arrived),
        ]
    )


def _said(instance: str, number: int, text: str) -> dict[str, object]:
    jid = f"55117{number % 20:08d}@s.whatsapp.net"
    data = {
        "key": {"remoteJid": jid, "fromMe": False, "id": new_id()},
        "pushName": "Cliente",
        "message": {"conversation": text},
        "messageType": "conversation",
        "messageTimestamp": int(time.time()),
    }
    return {"event": "messages.upsert", "instance": instance, "data": data}


def _line(title: str, since: dict[str, float], arrived: dict[str, float]) -> list[str]:
    took = sorted((arrived[text] - at) * 1000 for text, at in since.items())
    figures = (statistics.median(took), took[int(len(took) * 0.99) - 1], took[-1])
    return [title, str(len(took)), *(f"{one:.1f}" for one in figures)]
