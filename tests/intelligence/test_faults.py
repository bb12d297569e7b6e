"""The provider fails in every way that it can, and nobody waits for ever or gets nonsense."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from services.intelligence import llm, replies
from services.intelligence.providers import Ask
from services.intelligence.settings import IntelligenceSettings
from services.kit.db import Database
from tests.fakes import groq as fake
from tests.fakes.groq import Groq, Trouble
from tests.intelligence.builders import configure, knows, reply
from tests.intelligence.desk import Chat, Desk

FIRST, SECOND = "llama-3.3-70b-versatile", "openai/gpt-oss-120b"
QUESTION = "Qual o horário de atendimento?"
HOURS = "Atendemos de segunda a sexta, das 8h às 18h."


def ask(text: str = "Olá?") -> Ask:
    return Ask("compose", ({"role": "user", "content": text},), temperature=0.5, max_tokens=100)


def asked(groq: Groq) -> list[str]:
    return [call["model"] for call in groq.calls]


async def open_chat(db: Database, desk: Desk, **settings: Any) -> Chat:
    chat = desk.chat()
    await configure(db, chat, **settings)
    return chat


def open_provider(groq: Groq, **settings: Any) -> None:
    llm.open_provider(
        IntelligenceSettings(ai_provider="groq", groq_api_key=fake.KEY, groq_base_url=groq.url, **settings)
    )


async def outcomes(db: Database) -> list[str]:
    async with db.read() as session:
        rows = await session.all("select outcome from ai_calls order by created_at, id")
    return [row.outcome for row in rows]


async def test_a_long_retry_after_is_not_waited_for_but_kept_to(db: Database, groq: Groq) -> None:
    groq.script = [Trouble(429, "rate_limit_exceeded", {"retry-after": "300"})]
    started = time.monotonic()

    answer = await llm.complete(db, ask())
    await llm.complete(db, ask())

    assert time.monotonic() - started < 2
    assert answer.model == SECOND
    assert asked(groq) == [FIRST, SECOND, SECOND]


async def test_a_short_retry_after_is_waited_for(db: Database, groq: Groq) -> None:
    groq.script = [Trouble(429, "rate_limit_exceeded", {"retry-after": "0.2"})]

    answer = await llm.complete(db, ask())

    assert answer.model == FIRST
    assert asked(groq) == [FIRST, FIRST]


async def test_when_every_model_is_throttled_the_refusal_says_how_long(db: Database, groq: Groq) -> None:
    groq.script = [Trouble(429, "rate_limit_exceeded", {"retry-after": str(wait)}) for wait in (300, 90, 200)]

    with pytest.raises(llm.AiRateLimited):
        await llm.complete(db, ask())
    with pytest.raises(llm.AiRateLimited) as refused:
        await llm.complete(db, ask())

    assert refused.value.retry_after is not None
    assert 85 <= refused.value.retry_after <= 90
    assert len(groq.calls) == 3


async def test_a_server_error_is_tried_once_more_and_then_another_model(db: Database, groq: Groq) -> None:
    groq.script = [Trouble(500), Trouble(500)]

    answer = await llm.complete(db, ask())

    assert asked(groq) == [FIRST, FIRST, SECOND]
    assert answer.model == SECOND
    assert await outcomes(db) == ["Down", "Down", "ok"]


async def test_a_provider_that_is_down_is_left_alone_for_a_while(db: Database, groq: Groq) -> None:
    groq.script = [Trouble(503)] * 6

    with pytest.raises(llm.AiUnavailable):
        await llm.complete(db, ask())
    calls, started = len(groq.calls), time.monotonic()
    with pytest.raises(llm.AiUnavailable):
        await llm.complete(db, ask())

    assert len(groq.calls) == calls
    assert time.monotonic() - started < 0.1


async def test_a_provider_that_was_down_is_asked_again_after_a_while(
    db: Database, groq: Groq, pass_time: Callable[[float], None]
) -> None:
    groq.script = [Trouble(503)] * 6
    with pytest.raises(llm.AiUnavailable):
        await llm.complete(db, ask())

    pass_time(llm.BROKEN_FOR + 1)
    answer = await llm.complete(db, ask())

    assert answer.model == FIRST


async def test_a_model_that_hangs_leaves_time_for_another(db: Database, groq: Groq) -> None:
    groq.script = [Trouble(hang=30)]
    started = time.monotonic()

    answer = await llm.complete(db, ask())

    assert time.monotonic() - started < 4
    assert answer.text == "Olá!"


async def test_a_withdrawn_model_is_skipped_and_remembered(db: Database, groq: Groq) -> None:
    groq.models.remove(FIRST)

    for _ in range(3):
        answer = await llm.complete(db, ask())

    assert answer.model == SECOND
    assert asked(groq) == [FIRST, SECOND, SECOND, SECOND]


async def test_without_any_model_the_refusal_says_how_to_mend_it(db: Database, groq: Groq) -> None:
    groq.models.clear()

    with pytest.raises(llm.AiModelUnavailable) as refused:
        await llm.complete(db, ask())

    assert "AI_MODEL" in str(refused.value.details["mend"])


async def test_models_that_are_not_served_are_found_out_before_anybody_asks(db: Database, groq: Groq) -> None:
    groq.models.remove(FIRST)

    await llm.check_models(db)
    await llm.complete(db, ask())

    assert asked(groq) == [SECOND]


async def test_a_revoked_key_is_told_and_not_tried_again_at_once(db: Database, groq: Groq) -> None:
    groq.keys.clear()

    for _ in range(3):
        with pytest.raises(llm.AiCredentialsInvalid) as refused:
            await llm.complete(db, ask())

    assert "GROQ_API_KEY" in str(refused.value.details["mend"])
    assert len(groq.calls) == 1


async def test_what_is_too_long_is_sent_again_shorter(db: Database, groq: Groq) -> None:
    groq.script = [Trouble(413, "request_too_large")]
    system: list[dict[str, str]] = [{"role": "system", "content": "Regras"}]
    turns = [{"role": "user", "content": f"Mensagem {n}"} for n in range(10)]
    long = Ask("compose", (*system, *turns), temperature=0.5, max_tokens=100)

    await llm.complete(db, long)

    again = groq.calls[1]["messages"]
    assert [turn["content"] for turn in again] == ["Regras", *(f"Mensagem {n}" for n in range(5, 10))]


@pytest.mark.parametrize("octets", [b"<html>Login</html>", b"{}", b'{"choices": [{}]}', b"nonsense"])
async def test_an_answer_that_is_none_is_tried_once_more_and_then_another_model(
    db: Database, groq: Groq, octets: bytes
) -> None:
    groq.script = [octets, octets]

    answer = await llm.complete(db, ask())

    assert asked(groq) == [FIRST, FIRST, SECOND]
    assert answer.model == SECOND


async def test_what_is_refused_as_it_stands_is_not_asked_again(db: Database, groq: Groq) -> None:
    groq.script = [Trouble(400, "invalid_request")]

    await llm.complete(db, ask())

    assert asked(groq) == [FIRST, SECOND]


async def test_who_waits_too_long_for_the_others_does_not_call_the_provider_broken(
    db: Database, groq: Groq
) -> None:
    open_provider(groq, ai_timeout_s=1, ai_max_concurrency=1)
    async with llm.provider.busy:
        waiting = [asyncio.create_task(llm.complete(db, ask())) for _ in range(llm.BREAKS_AFTER)]
        await asyncio.sleep(1)

    refused = await asyncio.gather(*waiting, return_exceptions=True)
    answer = await llm.complete(db, ask())

    assert [type(one) for one in refused] == [llm.AiUnavailable] * llm.BREAKS_AFTER
    assert answer.text == "Olá!"
    assert len(groq.calls) == 1


async def test_invalid_json_is_repaired_once(db: Database, groq: Groq, desk: Desk) -> None:
    chat = await open_chat(db, desk)
    groq.script = ['Claro! {"reply": "Oi', reply("Olá! Como posso ajudar?")]

    await replies.answer(db, chat.says("Oi, me ajuda?"))

    assert chat.heard == ["Olá! Como posso ajudar?"]
    assert "JSON" in groq.calls[1]["messages"][-1]["content"]


async def test_what_stays_invalid_is_never_sent_and_knowledge_answers_instead(
    db: Database, databases: dict[str, Database], groq: Groq, desk: Desk
) -> None:
    chat = await open_chat(db, desk)
    await knows(databases, chat, QUESTION, HOURS)
    groq.always = "isto não é JSON"

    await replies.answer(db, chat.says(QUESTION))

    assert chat.heard == [HOURS]


@pytest.mark.parametrize(
    "trouble",
    [
        Trouble(429, "rate_limit_exceeded", {"retry-after": "600"}),
        Trouble(500),
        Trouble(hang=10),
        Trouble(413, "request_too_large"),
        Trouble(400, "json_validate_failed"),
        "null",
    ],
    ids=["throttled", "broken", "hanging", "too long", "refused", "nonsense"],
)
async def test_whatever_happens_to_the_provider_the_customer_gets_the_entry(
    db: Database, databases: dict[str, Database], groq: Groq, desk: Desk, trouble: Any
) -> None:
    chat = await open_chat(db, desk)
    await knows(databases, chat, QUESTION, HOURS)
    groq.always = trouble

    await replies.answer(db, chat.says(QUESTION))

    assert chat.heard == [HOURS]


async def test_a_provider_that_is_down_and_no_entry_bring_a_person(
    db: Database, groq: Groq, desk: Desk
) -> None:
    chat = await open_chat(db, desk)
    groq.always = Trouble(500)

    await replies.answer(db, chat.says("Vocês entregam em Manaus?"))

    async with db.read() as session:
        row = await session.first(
            "select action, reason from ai_agent_logs where conversation_id = %(id)s", id=chat.id
        )
    assert row is not None
    assert (row.action, row.reason) == ("escalated", "ai_failure")


async def test_the_budget_of_the_day_holds(db: Database, groq: Groq) -> None:
    open_provider(groq, ai_daily_token_budget=10)
    await llm.complete(db, ask("Uma pergunta que passa de dez tokens, com certeza passa."))

    with pytest.raises(llm.AiBudgetSpent):
        await llm.complete(db, ask())

    assert len(groq.calls) == 1


async def test_what_the_provider_says_is_left_holds_for_all_replicas(db: Database, groq: Groq) -> None:
    groq.limits = {"x-ratelimit-remaining-tokens": "3", "x-ratelimit-reset-tokens": "7.66s"}

    await llm.complete(db, ask())
    await llm.complete(db, ask())

    assert asked(groq) == [FIRST, SECOND]


async def test_every_call_is_recorded_with_its_cost_and_without_its_words(db: Database, groq: Groq) -> None:
    groq.always = "x" * 4000

    await llm.complete(db, ask("segredo " * 500))

    async with db.read() as session:
        row = await session.first("select * from ai_calls")
    assert row is not None
    assert (row.capability, row.model, row.outcome) == ("compose", FIRST, "ok")
    assert row.cost_usd == pytest.approx((row.prompt_tokens * 0.59 + 1000 * 0.79) / 1e6, abs=1e-6)
    assert "segredo" not in str(row)


async def test_reasoning_models_get_room_and_a_schema(db: Database, groq: Groq, desk: Desk) -> None:
    groq.models.remove(FIRST)
    chat = await open_chat(db, desk)
    groq.always = reply("Olá!")

    await replies.answer(db, chat.says("Oi, me ajuda?"))

    call = groq.calls[-1]
    assert (call["reasoning_effort"], call["include_reasoning"]) == ("low", False)
    assert call["max_completion_tokens"] >= 1024
    assert call["response_format"]["json_schema"]["strict"] is True
