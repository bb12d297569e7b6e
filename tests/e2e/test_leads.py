"""From a conversation to a lead, and through the pipeline, over the wire."""

import asyncio
from typing import Any

import pytest

from tests.e2e.conftest import Office

pytestmark = pytest.mark.timeout(240)

PHONE = "5511955554444"
TALK = (
    "Bom dia",
    "Sou o dono de uma padaria",
    "Preciso de um sistema de atendimento",
    "Qual o valor? Tenho orçamento",
    "Preciso disso hoje, é urgente",
)


async def lead_of(office: Office, conversation: str) -> dict[str, Any]:
    """The conversation's lead, once it is there."""
    async with asyncio.timeout(30):
        while True:
            listed = await office.call("GET", f"/api/leads?conversationId={conversation}")
            if listed["leads"]:
                lead: dict[str, Any] = listed["leads"][0]
                return lead
            await asyncio.sleep(0.2)


async def test_a_customer_who_wants_to_buy_becomes_a_lead_that_is_sold(office: Office) -> None:
    for text in TALK:
        office.simulator.say(PHONE, text, instance=office.instance)
        await office.simulator.settled()
    conversation = (await office.conversation(PHONE))["id"]

    lead = await lead_of(office, conversation)
    path = f"/api/leads/{lead['id']}"
    assert (lead["source"], lead["phone"], lead["closedAt"]) == ("whatsapp", PHONE, None)
    assert lead["leadScore"] >= 30
    assert lead["bant"]["authority"]["isDecisionMaker"] is True
    twice = await office.call("POST", "/api/leads", {"conversationId": conversation}, expect=409)
    assert (twice["code"], twice["leadId"]) == ("lead_exists", lead["id"])

    noted = await office.call(
        "POST", f"{path}/activities", {"type": "call", "description": "Ligação"}, expect=201
    )
    assert noted["activity"]["activityType"] == "call"
    changed = await office.call(
        "PUT", path, {"status": "won", "estimatedValue": 4500, "notes": None, "statusChangeNotes": "Assinou"}
    )
    assert (changed["lead"]["value"], changed["lead"]["probability"]) == (4500, 100)
    stale = await office.call("PUT", path, {"name": "Outra", "version": 1}, expect=409)
    assert stale["version"] == changed["lead"]["version"]

    detail = await office.call("GET", path)
    assert detail["history"][0]["reason"] == "Assinou"
    assert detail["qualificationLogs"][0]["bantAnalysis"]["refused"] == []
    board = await office.call("GET", f"/api/leads?contactId={lead['contactId']}&include=total")
    assert board["summary"]["byStatus"]["won"] == {"count": 1, "value": 4500}
    assert board["pagination"]["total"] == 1
    await office.call("DELETE", path)
    await office.call("GET", path, expect=404)


async def test_a_lead_can_be_opened_and_qualified_by_hand(office: Office) -> None:
    body = {
        "name": "Confeitaria Ímpar",
        "phone": "+55 (11) 3333-4444",
        "value": 100.5,
        "tags": ["feira"],
        "metadata": {"origem": {"estande": 7}},
    }

    made = (await office.call("POST", "/api/leads", body, expect=201))["lead"]

    assert (made["phone"], made["metadata"]) == ("551133334444", {"origem": {"estande": 7}})
    found = await office.call(
        "GET", "/api/leads?search=impar&status=new,contacted&sort=-value&dateFrom=2020-01-01"
    )
    assert [lead["id"] for lead in found["leads"]] == [made["id"]]
    reply = await office.call("POST", f"/api/leads/{made['id']}/qualify", {})
    assert reply["qualification"]["recommendation"] == "disqualify"
    await office.call("GET", "/api/leads?status=sold", expect=400)
    await office.call("POST", "/api/leads", {"company": "Sem nome"}, expect=400)
