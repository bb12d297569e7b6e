"""`convo seed` and `convo sim`: a workspace that looks alive, and a customer's part in it."""

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest

from deploy.convo import seeds
from deploy.convo.teams import PASSWORD
from deploy.local import chat
from tests.e2e import stack as stacks
from tests.e2e.stack import Stack
from tests.e2e.test_convo import convo

pytestmark = pytest.mark.timeout(240)

SOWN = {"conversations": 60, "knowledge": 20, "leads": 15, "users": 7, "meetings": 3, "campaigns": 1}


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


def test_the_large_workspace_is_the_same_every_time() -> None:
    customers = seeds.Size.large.customers

    told = [*seeds.talks(customers)]

    assert told == [*seeds.talks(customers)]
    assert len({talk.phone for talk in told}) == 2000
    assert Counter(talk.team for talk in told) == {"vendas": 1500, "suporte": 1500}
    ids = [line.id for talk in told for line in talk.lines]
    assert len(ids) == len({*ids})


async def test_sowing_again_adds_nothing(demonstration: Demonstration) -> None:
    before = await demonstration.counted()

    again = await convo(demonstration.stack, "seed", "--demo")

    assert before == {**SOWN, "leads": before["leads"], "knowledge": before["knowledge"]}
    assert before["leads"] >= SOWN["leads"]
    assert before["knowledge"] >= SOWN["knowledge"]
    assert again == demonstration.told
    assert await demonstration.counted() == before


async def test_forty_customers_write_to_two_teams_in_the_course_of_a_month(
    demonstration: Demonstration,
) -> None:
    conversations = (await demonstration.call("/api/conversations?limit=200"))["conversations"]

    customers = {one["contactPhone"]: one["contactName"] for one in conversations}
    assert len(customers) == len({*customers.values()}) == 40
    assert Counter(one["instanceName"] for one in conversations) == {"vendas": 30, "suporte": 30}
    days = {datetime.fromisoformat(one["lastMessageAt"]).date() for one in conversations}
    assert 25 <= (max(days) - min(days)).days <= 30
    assert len(days) > 20


async def test_each_team_has_its_people_and_they_share_its_conversations(
    demonstration: Demonstration,
) -> None:
    users = (await demonstration.call("/api/users?limit=200"))["users"]
    rules = (await demonstration.call("/api/whatsapp/assignment-rules"))["rules"]

    assert Counter(one["role"] for one in users) == {"admin": 1, "supervisor": 2, "agent": 4}
    assert {one["name"] for one in rules} == {"Vendas", "Suporte"}
    for rule in rules:
        path = f"/api/conversations?limit=200&instanceId={rule['instanceId']}"
        shared = Counter(one["assignedTo"] for one in (await demonstration.call(path))["conversations"])
        first, second = rule["roundRobinAgents"]
        assert shared == {first: 12, second: 12, None: 6}


async def test_whoever_was_sown_can_log_in_and_sees_what_is_theirs(demonstration: Demonstration) -> None:
    login = {"email": "paulo@vendas.demo.convo.example", "password": PASSWORD}
    token = (await demonstration.stack.call("POST", "/api/auth/login", login))["accessToken"]

    path = "/api/conversations?limit=200&assignedTo=me"
    mine = (await demonstration.stack.call("GET", path, token=token))["conversations"]
    leads = (await demonstration.stack.call("GET", "/api/leads?limit=200", token=token))["leads"]

    assert {one["instanceName"] for one in mine} == {"vendas"}
    assert len(mine) == 12
    assert leads


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
    unknown = await convo(demonstration.stack, "sim", "futebol", expect=1)

    assert "Cliente: Qual é o horário de atendimento?" in told
    assert "Empresa: " in told
    assert "8h às 18h" in told
    assert "Pix, boleto e cartão" in told
    assert "duplicados" in unknown
