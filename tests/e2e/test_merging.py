"""A customer who is known by a hidden number and by a phone turns out to be one: all services follow."""

from typing import Any

import pytest

from services.kit.tables import new_id
from tests.e2e.conftest import Office, shown
from tests.e2e.test_first_light import phone
from tests.fakes.whatsapp_state import Customer

pytestmark = pytest.mark.timeout(240)


async def newest(office: Office) -> str:
    """The conversation in which somebody wrote last."""
    return str((await office.call("GET", "/api/conversations?limit=1"))["conversations"][0]["id"])


async def two_conversations(office: Office) -> tuple[str, str, Customer]:
    """Of one customer: under the phone, and under the hidden number."""
    number, hidden = phone(), str(int(new_id()[-10:], 16))
    office.simulator.say(number, "Olá", instance=office.instance)
    await office.simulator.settled()
    under_phone = await newest(office)
    customer = office.simulator.customer(number, lid=hidden, addressing="lid_only")
    office.simulator.say(number, "Aceitam Pix?", instance=office.instance)
    await office.simulator.settled()
    return under_phone, await newest(office), customer


async def answered_well(office: Office, conversation: str) -> str:
    """The id of what the AI learned from a person's answer in this conversation."""
    body = {"conversationId": conversation, "content": "Aceitamos, sim!"}
    sent = await office.call("POST", "/api/whatsapp/messages/send", body)
    lesson = {"conversationId": conversation, "action": "mark_good", "messageId": sent["message"]["id"]}
    return str((await office.call("POST", "/api/ai/learn", lesson))["learningExampleId"])


async def test_lead_escalation_and_lesson_go_on_in_the_conversation_that_stays(office: Office) -> None:
    kept, gone, customer = await two_conversations(office)
    made = await office.call("POST", "/api/leads", {"conversationId": gone, "name": "Ana"}, expect=201)
    await office.call("POST", "/api/escalations", {"conversationId": gone, "reason": "manual"}, expect=201)
    lesson = await answered_well(office, gone)

    customer.addressing = "pn"
    office.simulator.say(customer.phone, "Ainda estou aqui", instance=office.instance)

    async def places() -> list[Any]:
        lead = (await office.call("GET", f"/api/leads/{made['lead']['id']}"))["lead"]
        escalations = await office.call("GET", f"/api/escalations?conversationId={kept}")
        examples = (await office.call("GET", "/api/ai/examples"))["examples"]
        return [
            lead["conversationId"],
            *[one["conversationId"] for one in escalations["escalations"]],
            *[one["conversationId"] for one in examples if one["id"] == lesson],
        ]

    await shown(places, lambda found: found == [kept, kept, kept])
    await office.call("GET", f"/api/conversations/{gone}", expect=404)
