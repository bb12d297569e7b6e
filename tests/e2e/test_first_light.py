"""The main job, over the wire: a customer writes, the AI or a person answers, once."""

import asyncio

import pytest

from services.kit.tables import new_id
from tests.e2e.conftest import PASSWORD, Office
from tests.e2e.stack import ready

pytestmark = pytest.mark.timeout(240)

HOURS = "Atendemos de segunda a sexta, das 8h às 18h."


def phone() -> str:
    return f"55119{int(new_id()[-8:], 16) % 100_000_000:08d}"


@pytest.fixture(scope="module")
async def knowledge(office: Office) -> None:
    entry = {"category": "faq", "question": "Qual é o horário de atendimento?", "answer": HOURS}
    await office.call("POST", "/api/knowledge/manage", {**entry, "isVerified": True}, expect=201)


async def test_a_person_registers_logs_in_and_out(office: Office) -> None:
    person = {"email": f"{new_id()}@empresa.com.br", "password": PASSWORD, "fullName": "João"}
    made = await office.stack.call("POST", "/api/auth/register", person, expect=201)
    tokens = await office.stack.call("POST", "/api/auth/login", person)
    fresh = await office.stack.call("POST", "/api/auth/refresh", {"refreshToken": tokens["refreshToken"]})

    me = await office.stack.call("GET", "/api/auth/me", token=fresh["accessToken"])
    assert (me["role"], me["email"]) == (made["user"]["role"], person["email"])
    assert made["user"]["role"] == "agent"

    await office.stack.call("POST", "/api/auth/logout", {}, token=fresh["accessToken"])
    await asyncio.sleep(1)
    await office.stack.call("GET", "/api/auth/me", token=fresh["accessToken"], expect=401)
    await office.stack.call("GET", "/api/auth/me", token=tokens["accessToken"], expect=401)


async def test_a_customer_writes_and_a_person_answers(office: Office) -> None:
    customer = phone()
    conversation = await office.greet(customer, "human")

    sent = await office.call(
        "POST", "/api/whatsapp/messages/send", {"conversationId": conversation, "content": "Bom dia!"}
    )

    (received,) = await office.simulator.wait_for(customer, 1)
    assert received.text.endswith("Bom dia!")
    assert sent["message"]["status"] == "sent"
    detail = await office.call("GET", f"/api/conversations/{conversation}")
    assert detail["messages"][0]["content"] == "Olá"
    assert detail["conversation"]["unreadCount"] == 0


async def test_the_ai_answers_once_from_what_the_company_knows(office: Office, knowledge: None) -> None:
    customer = phone()
    await office.greet(customer, "ai")

    office.simulator.say(customer, "Qual o horário de atendimento?", instance=office.instance)

    await office.simulator.wait_for(customer, 1, timeout=20)
    await asyncio.sleep(2)
    assert [one.text for one in office.simulator.received(customer)] == [HOURS]


async def test_four_quick_messages_get_one_answer(office: Office, knowledge: None) -> None:
    customer = phone()
    await office.greet(customer, "ai")

    for text in ("Oi", "tudo bem?", "queria saber", "qual o horário de atendimento?"):
        office.simulator.say(customer, text, instance=office.instance)
        await asyncio.sleep(0.05)

    await office.simulator.wait_for(customer, 1, timeout=20)
    await asyncio.sleep(3)
    assert len(office.simulator.received(customer)) == 1


async def test_a_person_who_answers_takes_the_turn(office: Office, knowledge: None) -> None:
    customer = phone()
    conversation = await office.greet(customer, "ai")

    office.simulator.say(customer, "Qual o horário de atendimento?", instance=office.instance)
    await office.simulator.settled()
    await office.call(
        "POST", "/api/whatsapp/messages/send", {"conversationId": conversation, "content": "Já te respondo"}
    )

    await asyncio.sleep(4)
    assert len(office.simulator.received(customer)) == 1
    assert office.simulator.received(customer)[0].text.endswith("Já te respondo")


async def test_twenty_times_the_same_webhook_at_once_is_one_message(office: Office) -> None:
    customer = phone()
    office.simulator.plan.copies = 20
    office.simulator.say(customer, "Uma vez só", instance=office.instance)
    await office.simulator.settled()

    office.simulator.plan.copies = 1
    conversation = await office.conversation(customer)
    assert conversation["unreadCount"] == 1


@pytest.mark.parametrize("victim", ["intelligence", "messaging", "nats"])
async def test_whoever_dies_between_store_and_answer_there_is_one_answer(
    office: Office, knowledge: None, victim: str
) -> None:
    customer = phone()
    await office.greet(customer, "ai")
    office.simulator.say(customer, "Qual o horário de atendimento?", instance=office.instance)
    await office.simulator.settled()

    office.stack.kill(victim)

    await office.simulator.wait_for(customer, 1, timeout=60)
    await ready(office.stack)
    await asyncio.sleep(3)
    assert [one.text for one in office.simulator.received(customer)] == [HOURS]
