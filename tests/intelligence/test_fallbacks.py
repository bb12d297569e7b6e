"""Each AI route, each way in which a provider fails: what the contract says, and soon."""

import time
from collections.abc import Awaitable, Callable
from itertools import product
from typing import Any

import pytest

from protos import intelligence_pb2 as pb
from services.intelligence import (
    bant,
    categories,
    compositions,
    extraction,
    feedback,
    handoffs,
    llm,
    sentiment,
    suggestions,
    summaries,
)
from services.intelligence.settings import IntelligenceSettings
from services.kit.db import Database
from services.kit.errors import Refusal
from tests.fakes import groq as fake
from tests.fakes.groq import Groq, Trouble
from tests.intelligence.desk import Chat, Desk
from tests.support import INTELLIGENCE, SUPERVISOR

LIMIT = 1.0
TALK = (
    ("customer", "Bom dia, o sistema caiu de novo e ninguém resolve"),
    ("human", "Bom dia! Sou a Maria, vou ver com o técnico e retorno."),
    ("customer", "Já é a terceira vez, péssimo isso"),
    ("human", "Entendo. O técnico liga para o senhor."),
    ("customer", "Preciso disso hoje, temos verba para trocar se for o caso"),
)


def throttled(groq: Groq) -> None:
    groq.always = Trouble(429, "rate_limit_exceeded", {"retry-after": "600"})


def broken(groq: Groq) -> None:
    groq.always = Trouble(500)


def hanging(groq: Groq) -> None:
    groq.always = Trouble(hang=10)


def nonsense(groq: Groq) -> None:
    groq.always = "isto não é JSON"


def withdrawn(groq: Groq) -> None:
    groq.models.clear()


def revoked(groq: Groq) -> None:
    groq.keys.clear()


Break = Callable[[Groq], None]
REFUSALS: dict[Break, type[Refusal]] = {
    throttled: llm.AiRateLimited,
    broken: llm.AiUnavailable,
    hanging: llm.AiUnavailable,
    nonsense: llm.AiUnavailable,
    withdrawn: llm.AiModelUnavailable,
    revoked: llm.AiCredentialsInvalid,
}
STATUS = {
    llm.AiRateLimited: 429,
    llm.AiUnavailable: 502,
    llm.AiModelUnavailable: 503,
    llm.AiCredentialsInvalid: 503,
}


async def feel(db: Database, chat: Chat) -> tuple[bool, Any]:
    shown = await sentiment.analyze(db, SUPERVISOR, pb.AnalyzeSentimentRequest(conversation_id=chat.id))
    return shown.analysis.degraded, shown.analysis.sentiment


async def file(db: Database, chat: Chat) -> tuple[bool, Any]:
    shown = await categories.categorize(db, SUPERVISOR, pb.CategorizeConversationRequest(id=chat.id))
    return shown.degraded, shown.category


async def sum_up(db: Database, chat: Chat) -> tuple[bool, Any]:
    shown = await summaries.summarize(db, SUPERVISOR, pb.SummarizeConversationRequest(id=chat.id))
    return shown.degraded, TALK[0][1] in shown.summary and shown.quotes[0].message_id == chat.messages[0].id


async def suggest(db: Database, chat: Chat) -> tuple[bool, Any]:
    shown = await suggestions.suggest(db, SUPERVISOR, pb.SuggestRepliesRequest(conversation_id=chat.id))
    return shown.fallback, [one.tone for one in shown.suggestions]


async def score(db: Database, chat: Chat) -> tuple[bool, Any]:
    said = [
        pb.BantMessage(id=one.id, text=one.content, from_customer=not one.is_from_me) for one in chat.messages
    ]
    found = await bant.analyze(db, INTELLIGENCE, pb.AnalyzeBantRequest(messages=said))
    return found.degraded, (found.budget.detected, found.authority.detected, found.need.urgency)


async def hand_over(db: Database, chat: Chat) -> tuple[bool, Any]:
    request = pb.PrepareHandoffRequest(conversation_id=chat.id, reason="negative_sentiment")
    shown = await handoffs.prepare(db, INTELLIGENCE, request)
    return shown.degraded, [line.partition(":")[0] for line in shown.summary.splitlines()]


STAND_INS: dict[Callable[[Database, Chat], Awaitable[tuple[bool, Any]]], Any] = {
    feel: "negative",
    file: "Suporte",
    sum_up: True,
    suggest: ["formal", "friendly", "direct"],
    score: (True, False, "high"),
    hand_over: ["Situação", "Contexto", "Tentativas", "Motivo", "Próximo passo"],
}


async def compose(db: Database, chat: Chat) -> None:
    await compositions.compose(db, SUPERVISOR, pb.ComposeMessageRequest(intent="agradecer"))


async def learn(db: Database, chat: Chat) -> None:
    await feedback.learn(db, SUPERVISOR, pb.LearnRequest(action="analyze", conversation_id=chat.id))


async def extract(db: Database, chat: Chat) -> None:
    await extraction.extract(db, SUPERVISOR, pb.ExtractKnowledgeRequest(conversation_id=chat.id))


NEED_A_MODEL = (compose, learn, extract)


def talk(desk: Desk) -> Chat:
    chat = desk.chat()
    for who, text in TALK:
        if who == "customer":
            chat.says(text)
        else:
            chat.hears(text, origin=who)
    return chat


@pytest.fixture
def hasty(groq: Groq) -> Groq:
    """A provider that is waited for one second, so that hanging is soon over."""
    llm.open_provider(
        IntelligenceSettings(
            ai_provider="groq", groq_api_key=fake.KEY, groq_base_url=groq.url, ai_timeout_s=LIMIT
        )
    )
    return groq


@pytest.mark.parametrize("spoil", REFUSALS)
@pytest.mark.parametrize("route", STAND_INS)
async def test_what_can_be_done_without_a_model_is_done_and_says_so(
    db: Database, hasty: Groq, desk: Desk, route: Any, spoil: Break
) -> None:
    chat = talk(desk)
    spoil(hasty)
    started = time.monotonic()

    degraded, found = await route(db, chat)

    assert (degraded, found) == (True, STAND_INS[route])
    assert time.monotonic() - started < 3 * LIMIT


# What is composed is text: it cannot be invalid.
@pytest.mark.parametrize(
    ("route", "spoil"), [pair for pair in product(NEED_A_MODEL, REFUSALS) if pair != (compose, nonsense)]
)
async def test_what_needs_a_model_is_refused_with_the_status_that_fits(
    db: Database, hasty: Groq, desk: Desk, route: Any, spoil: Break
) -> None:
    chat = talk(desk)
    spoil(hasty)
    started = time.monotonic()

    with pytest.raises(REFUSALS[spoil]) as refused:
        await route(db, chat)

    assert refused.value.status == STATUS[REFUSALS[spoil]]
    assert time.monotonic() - started < 3 * LIMIT


@pytest.mark.parametrize("route", NEED_A_MODEL)
async def test_without_a_provider_the_refusal_says_how_to_mend_it(
    db: Database, desk: Desk, route: Any
) -> None:
    with pytest.raises(llm.AiNotConfigured) as refused:
        await route(db, talk(desk))

    assert refused.value.code == "ai_not_configured"
    assert "GROQ_API_KEY" in str(refused.value.details["mend"])


async def test_control_the_same_routes_are_the_models_when_it_answers(
    db: Database, groq: Groq, desk: Desk
) -> None:
    groq.always = {"sentiment": "positive", "confidence": 0.9, "summary": "Feliz", "reasoning": "elogia"}

    assert await feel(db, talk(desk)) == (False, "positive")
