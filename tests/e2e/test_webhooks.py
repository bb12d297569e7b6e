"""What Evolution sends is never turned away: recorded bodies, strange ones, and a database that is down."""

import asyncio
import json
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from services.kit.tables import new_id
from tests.e2e.conftest import Office
from tests.e2e.stack import ready

pytestmark = pytest.mark.timeout(240)

RECORDED = Path(__file__).parents[1] / "fixtures" / "evolution" / "webhooks-2.3.6.jsonl"
WEBHOOK = "/api/whatsapp/webhooks/evolution"


def recorded(instance: str | None = None) -> list[dict[str, Any]]:
    bodies = [json.loads(line)["body"] for line in RECORDED.read_text().splitlines()]
    return [body | ({"instance": instance} if instance else {}) for body in bodies]


async def post(
    office: Office, bodies: list[dict[str, Any]], secret: str = ""
) -> list[tuple[int, dict[str, Any]]]:
    gate = asyncio.Semaphore(16)

    async def one(body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        async with gate:
            answer = await office.stack.client.post(WEBHOOK, json=body, headers={"x-webhook-token": secret})
            return answer.status_code, answer.json()

    return await asyncio.gather(*(one(body) for body in bodies))


async def test_every_recorded_body_is_stored_ignored_or_quarantined_with_its_reason(office: Office) -> None:
    name = f"recorded-{new_id()[-8:]}"
    await office.call(
        "POST",
        "/api/whatsapp/instances",
        {"name": name, "instanceName": name, "apiUrl": office.simulator.url, "apiKey": "invented"},
        expect=201,
    )

    receipts = await post(office, recorded(name))

    assert {status for status, _ in receipts} == {200}
    assert all(told["received"] for _, told in receipts)
    kinds = Counter(
        "quarantined" if told.get("quarantined") else "ignored" if told.get("ignored") else "processed"
        for _, told in receipts
    )
    assert kinds["processed"] > 100
    assert all(told.get("reason") for _, told in receipts if told.get("ignored") or told.get("quarantined"))


async def test_bodies_of_instances_that_nobody_knows_are_kept_for_later(office: Office) -> None:
    receipts = await post(office, recorded()[:50])

    assert {status for status, _ in receipts} == {200}
    assert any(told.get("quarantined") for _, told in receipts)


async def test_a_wrong_secret_is_the_only_thing_that_is_turned_away(office: Office) -> None:
    body = recorded(office.instance)[0]

    ((status, _),) = await post(office, [body], secret="a guess")

    assert status == 401


async def test_while_the_database_is_down_evolution_is_told_to_come_back(office: Office) -> None:
    customer = f"55119{int(new_id()[-8:], 16) % 100_000_000:08d}"
    office.simulator.plan.retry_delay = 0.5
    postmaster = min(office.stack.members("postgres"), key=lambda one: one.create_time())
    postmaster.send_signal(signal.SIGKILL)

    office.simulator.say(customer, "Alguém aí?", instance=office.instance)
    await office.simulator.settled(timeout=60)

    await ready(office.stack)
    statuses = [one.status for one in office.simulator.webhooks.deliveries[-20:]]
    assert set(statuses) <= {200, 503}
    conversation = await office.conversation(customer)
    assert conversation["unreadCount"] == 1
