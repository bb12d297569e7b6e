"""Any server that speaks the OpenAI API, through our own client: what it answers, and how it says no."""

from collections.abc import AsyncIterator

import pytest

from services.intelligence import llm, replies
from services.intelligence.settings import IntelligenceSettings
from services.kit.db import Database
from tests.fakes import groq as fake
from tests.fakes.groq import Groq, Trouble
from tests.intelligence.builders import open_chat, reply
from tests.intelligence.desk import Desk
from tests.intelligence.test_faults import ask, asked

OWN, OTHER = "llama3", "mistral"


@pytest.fixture
async def server(desk: Desk) -> AsyncIterator[Groq]:
    """One of those that list other names than they answer to."""
    async with fake.simulate() as server:
        settings = IntelligenceSettings(
            ai_base_url=f"{server.url}/openai/v1",
            ai_api_key=fake.KEY,
            ai_model=OWN,
            ai_fallback_models=OTHER,
            ai_timeout_s=4,
        )
        llm.open_provider(settings)
        server.models = {OWN, OTHER}
        yield server


async def test_the_customer_gets_what_it_writes(db: Database, server: Groq, desk: Desk) -> None:
    chat = await open_chat(db, desk)
    server.always = reply("Olá, Ana!")

    await replies.answer(db, chat.says("Oi, me ajuda?"))

    assert chat.heard == ["Olá, Ana!"]
    assert (server.calls[0]["model"], server.calls[0]["max_tokens"]) == (OWN, 500)
    assert server.calls[0]["response_format"] == {"type": "json_object"}


async def test_a_server_without_keys_is_asked_without_one(db: Database, server: Groq) -> None:
    server.keys = {""}
    llm.open_provider(IntelligenceSettings(ai_base_url=f"{server.url}/openai/v1/", ai_model=OWN))

    answer = await llm.complete(db, ask())

    assert (answer.provider, answer.text) == ("openai", "Olá!")


async def test_a_model_that_is_not_listed_is_asked_all_the_same(db: Database, server: Groq) -> None:
    server.models = {"llama3:latest"}
    await llm.check_models(db)
    server.models = {OWN}

    answer = await llm.complete(db, ask())

    assert answer.model == OWN


async def test_a_model_that_it_does_not_know_is_skipped_and_remembered(db: Database, server: Groq) -> None:
    server.script = [Trouble(404, "")]  # most give no code

    for _ in range(2):
        answer = await llm.complete(db, ask())

    assert answer.model == OTHER
    assert asked(server) == [OWN, OTHER, OTHER]


@pytest.mark.parametrize("trouble", [Trouble(500), b"<html>Login</html>", b"{}", b"[1]"])
async def test_another_model_stands_in_for_one_that_fails(
    db: Database, server: Groq, trouble: Trouble | bytes
) -> None:
    server.script = [trouble, trouble]

    answer = await llm.complete(db, ask())

    assert asked(server) == [OWN, OWN, OTHER]
    assert answer.model == OTHER


async def test_a_key_that_is_refused_is_told(db: Database, server: Groq) -> None:
    server.keys.clear()

    with pytest.raises(llm.AiCredentialsInvalid) as refused:
        await llm.complete(db, ask())

    assert "AI_API_KEY" in str(refused.value.details["mend"])


async def test_a_server_that_is_not_there_is_unavailable(db: Database, server: Groq) -> None:
    llm.open_provider(IntelligenceSettings(ai_base_url="http://127.0.0.1:1/v1", ai_timeout_s=2))

    with pytest.raises(llm.AiUnavailable):
        await llm.complete(db, ask())
