"""From the AI agent to a person and back, over the wire."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.conftest import Office, shown
from tests.e2e.test_campaigns import customers
from tests.e2e.test_first_light import phone
from tests.e2e.test_identity import newcomer

pytestmark = pytest.mark.timeout(240)


async def only_agent(office: Office) -> dict[str, Any]:
    """The one agent who is at work."""
    for user in (await office.call("GET", "/api/users?limit=200"))["users"]:
        if user["role"] == "agent":
            await office.call("POST", f"/api/admin/deactivate-user/{user['id']}", {})
    return await newcomer(office)


async def escalation_of(office: Office, conversation: str, status: str, *also: str) -> dict[str, Any]:
    """The conversation's only escalation, once it has this status, and what else it should have."""

    async def read() -> dict[str, Any]:
        return await office.call("GET", f"/api/escalations?conversationId={conversation}")

    def is_there(listed: dict[str, Any]) -> bool:
        one = listed["escalations"][0] if listed["escalations"] else {}
        return one.get("status") == status and all(one[name] for name in also)

    listed = await shown(read, is_there)
    found: dict[str, Any] = listed["escalations"][0]
    return found


async def conversation_of(office: Office, id: str, true: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    async def read() -> dict[str, Any]:
        detail = await office.call("GET", f"/api/conversations/{id}")
        found: dict[str, Any] = detail["conversation"]
        return found

    return await shown(read, true)


async def test_who_asks_the_ai_for_a_person_gets_one_who_may_hand_back(office: Office) -> None:
    agent, customer = await only_agent(office), phone()
    conversation = await office.greet(customer, "ai")

    office.simulator.say(customer, "Quero falar com um atendente", instance=office.instance)

    escalation = await escalation_of(office, conversation, "assigned")
    assert escalation["escalatedTo"] == agent["user"]["id"]
    assert (escalation["reason"], escalation["escalationKeyword"]) == ("keyword_match", "atendente")
    assert escalation["priority"] == "high"
    (handoff,) = await office.simulator.wait_for(customer, 1, timeout=20)
    taken = await conversation_of(office, conversation, lambda it: bool(it["assignedTo"]))
    assert (taken["assignedTo"], taken["conversationMode"]) == (agent["user"]["id"], "human")
    people = {one["id"]: one for one in (await office.call("GET", "/api/users?limit=200"))["users"]}
    assert people[agent["user"]["id"]]["activeConversations"] == 1
    told = await office.stack.call("GET", "/api/notifications", token=agent["accessToken"])
    assert escalation["id"] in {one["escalationId"] for one in told["notifications"]}

    briefed = await escalation_of(office, conversation, "assigned", "aiSummary")
    assert briefed["id"] == escalation["id"]
    prepared = await office.call("POST", "/api/escalations/prepare", {"conversationId": conversation})
    assert (prepared["activeEscalationId"], prepared["escalation"]) == (escalation["id"], None)
    assert prepared["aiSummary"]

    path = f"/api/escalations/{escalation['id']}/resolve"
    body = {"notes": "Explicado", "returnToAi": True}
    resolved = await office.stack.call("POST", path, body, token=agent["accessToken"])

    assert resolved["escalation"]["resolutionNotes"] == "Explicado"
    back = await conversation_of(office, conversation, lambda it: it["conversationMode"] == "ai")
    assert back["assignedTo"] is None
    await office.stack.call("POST", path, {}, token=office.token, expect=409)
    assert [one.text for one in office.simulator.received(customer)] == [handoff.text]


async def test_whoever_answers_takes_what_waits_and_closing_ends_it(office: Office) -> None:
    agent = await only_agent(office)
    await office.stack.call("PUT", "/api/users/me", {"status": "busy"}, token=agent["accessToken"])
    answered, closed = [(await office.conversation(phone))["id"] for phone in await customers(office, 2)]
    for conversation in (answered, closed):
        body = {"conversationId": conversation, "reason": "manual", "priority": "low"}
        made = await office.call("POST", "/api/escalations", body, expect=201)
        assert made["escalation"]["status"] == "pending"
        again = await office.call("POST", "/api/escalations", {**body, "priority": "urgent"})
        assert (again["existing"], again["escalation"]["priority"]) == (True, "urgent")

    message = {"conversationId": answered, "content": "Boa tarde"}
    await office.stack.call("POST", "/api/whatsapp/messages/send", message, token=agent["accessToken"])
    await office.call("PUT", f"/api/conversations/{closed}", {"status": "closed"})

    taken = await escalation_of(office, answered, "assigned")
    assert (taken["escalatedTo"], taken["assignmentMethod"]) == (agent["user"]["id"], "manual")
    await conversation_of(office, answered, lambda it: it["assignedTo"] == agent["user"]["id"])
    await escalation_of(office, closed, "abandoned")
