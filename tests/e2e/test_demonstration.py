"""`convo seed` and `convo sim`: a workspace that looks alive, and a customer's part in it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from deploy.local import chat
from tests.e2e import stack as stacks
from tests.e2e.stack import Stack
from tests.e2e.test_convo import convo

pytestmark = [pytest.mark.xdist_group("e2e"), pytest.mark.timeout(240)]

SOWN = {"conversations": 40, "knowledge": 20, "leads": 15, "users": 4, "meetings": 3, "campaigns": 1}


@dataclass
class Demonstration:
    stack: Stack
    told: str
    token: str

    async def call(self, path: str) -> dict[str, Any]:
        return await self.stack.call("GET", path, token=self.token)

    async def counted(self) -> dict[str, int]:
        listed = {kind: await self.call(f"/api/{kind}?include=total&limit=1") for kind in SOWN}
        return {kind: one["pagination"]["total"] for kind, one in listed.items()}


@pytest.fixture(scope="module")
async def demonstration() -> AsyncIterator[Demonstration]:
    async with stacks.watched(AI_DEBOUNCE_S="0.5", RATE_LIMIT_REQUESTS="100000") as stack:
        told = await convo(stack, "seed", "--demo")
        kept = chat.read_notes(stack.home)
        login = {"email": kept["email"], "password": kept["password"]}
        token = (await stack.call("POST", "/api/auth/login", login))["accessToken"]
        yield Demonstration(stack, told, token)


async def test_sowing_again_adds_nothing(demonstration: Demonstration) -> None:
    before = await demonstration.counted()

    again = await convo(demonstration.stack, "seed", "--demo")

    assert before == {**SOWN, "leads": before["leads"], "knowledge": before["knowledge"]}
    assert before["leads"] >= SOWN["leads"]
    assert before["knowledge"] >= SOWN["knowledge"]
    assert again == demonstration.told
    assert await demonstration.counted() == before


async def test_a_conversation_that_was_sown_has_both_sides(demonstration: Demonstration) -> None:
    [one] = (await demonstration.call("/api/conversations?search=Maria Silva&limit=1"))["conversations"]

    thread = (await demonstration.call(f"/api/conversations/{one['id']}"))["messages"]

    assert {message["isFromMe"] for message in thread} == {True, False}


@pytest.mark.parametrize(
    ("scenario", "inbox"),
    [
        ("duplicados", {"Olá", "Uma mensagem", "Outra mensagem"}),
        ("desordem", {"Olá", "um", "dois", "três", "quatro"}),
    ],
)
async def test_a_scenario_is_played_and_each_message_is_there_once(
    demonstration: Demonstration, scenario: str, inbox: set[str]
) -> None:
    told = await convo(demonstration.stack, "sim", scenario)

    [line] = [line for line in told.splitlines() if line.startswith("In the inbox")]
    _, messages, texts = line.split(": ")
    assert messages.startswith(f"{len(inbox)} messages")
    assert {*texts.split(", ")} == inbox


async def test_a_scenario_shows_what_the_ai_answers(demonstration: Demonstration) -> None:
    told = await convo(demonstration.stack, "sim", "duvida")
    unknown = await convo(demonstration.stack, "sim", "futebol")

    assert "Cliente: Qual é o horário de atendimento?" in told
    assert "Empresa: " in told
    assert "8h às 18h" in told
    assert "duplicados" in unknown
