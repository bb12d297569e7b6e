"""One door to the language models: models that stand in for each other, tries within the deadline."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from importlib import import_module
from types import ModuleType

from services.intelligence import calls, openai_chat, privacy, providers
from services.intelligence.providers import Answer, Ask
from services.intelligence.settings import IntelligenceSettings
from services.kit import context, telemetry
from services.kit.clock import now
from services.kit.db import Database
from services.kit.errors import Refusal, TooMany, Unavailable, Upstream
from services.kit.log import log

GONE_FOR = 3600.0
REFUSED_FOR = 60.0  # a key that was refused is not tried again at once
BREAKS_AFTER = 3
BROKEN_FOR = 15.0
SHORT_WAIT = 2.0  # a throttled call is worth waiting for only that long
LEAST_TIME = 0.5  # whoever has waited for the others until then asks nobody, and blames nobody
ALL = "*"


class AiNotConfigured(Unavailable):
    """AI is not configured"""


class AiCredentialsInvalid(Unavailable):
    """The AI provider refuses our key."""


class AiModelUnavailable(Unavailable):
    """None of the configured AI models exists any more."""


class AiRateLimited(TooMany):
    """The AI provider is asked too much. Try again later."""


class AiBudgetSpent(TooMany):
    """Today's budget for AI is spent."""


class AiUnavailable(Upstream):
    """The AI provider did not give a usable answer."""


MEND = (
    "Set GROQ_API_KEY, or AI_BASE_URL and AI_MODEL for any server that speaks the OpenAI API,"
    " then restart the intelligence service."
)
KEY_MEND = "Set GROQ_API_KEY (or AI_API_KEY) to a valid key, then restart the intelligence service."
MODEL_MEND = "Set AI_MODEL or AI_FALLBACK_MODELS to a model that the provider serves."

Chat = Callable[[Ask, str, float], Awaitable[Answer]]


@dataclass
class Provider:
    """The configured provider; `failures` in a row open the breaker."""

    name: str
    settings: IntelligenceSettings
    chat: Chat | None
    models: Callable[[], Awaitable[set[str]]] | None
    busy: asyncio.Semaphore
    failures: int = 0


provider: Provider


def open_provider(settings: IntelligenceSettings) -> None:
    global provider
    adapter = _adapter(settings.provider)
    if adapter:
        adapter.open_client(settings)
    provider = Provider(
        settings.provider,
        settings,
        adapter.chat if adapter else None,
        adapter.models if adapter else None,
        asyncio.Semaphore(settings.ai_max_concurrency),
    )


def _adapter(name: str) -> ModuleType | None:
    """Groq's SDK is a sixth of this service's imports: only whoever uses it waits for it."""
    if name == "groq":
        return import_module("services.intelligence.groq_chat")
    return openai_chat if name == "openai" else None


def is_configured() -> bool:
    return provider.chat is not None


async def complete(db: Database, ask: Ask) -> Answer:
    """The first usable answer of the models, in their order; or the refusal that says what to mend."""
    if provider.chat is None:
        raise AiNotConfigured(details={"capability": ask.capability, "mend": MEND})
    models = await _models(db, ask)
    budget = provider.settings.ai_daily_token_budget
    if budget is not None and await calls.spent_today(db, provider.settings.default_timezone) >= budget:
        raise AiBudgetSpent
    ask = replace(ask, messages=tuple({**turn, "content": _masked(turn)} for turn in ask.messages))
    patience = provider.settings.ai_timeout_s
    left = context.current().remaining()
    ends = time.monotonic() + (patience if left is None else min(patience, left - 1.0))
    failed: Refusal = AiUnavailable()
    async with provider.busy:
        for model in models:
            if ends - time.monotonic() < LEAST_TIME:
                break
            try:
                return await _ask_model(db, ask, model, ends)
            except providers.CallFailed as error:
                failed = await _remember(db, model, error)
                log.warning(
                    "model_failed", model=model, capability=ask.capability, error=type(error).__name__
                )
            if isinstance(failed, AiCredentialsInvalid):
                break
    raise failed


async def check_models(db: Database) -> None:
    """Say when a configured model is not served (any more), before a customer waits for it."""
    if provider.models is None:
        return
    try:
        served = await provider.models()
    except providers.CallFailed as error:
        log.warning("models_not_listed", provider=provider.name, error=type(error).__name__)
        return
    for model in provider.settings.models:
        if served and model not in served:
            log.warning("model_not_served", model=model, mend=MODEL_MEND)
            await calls.block(db, provider.name, model, "ModelGone", GONE_FOR)


async def _ask_model(db: Database, ask: Ask, model: str, ends: float) -> Answer:
    """One model, at most twice."""
    try:
        return await _call(db, ask, model, ends)
    except providers.TooLong:
        ask = ask.shorter()
    except (providers.Down, providers.Unusable):
        await asyncio.sleep(random.uniform(0.05, 0.3))
    except providers.Throttled as error:
        if error.retry_after > min(SHORT_WAIT, ends - time.monotonic()):
            raise
        await asyncio.sleep(error.retry_after)
    return await _call(db, ask, model, ends)


async def _call(db: Database, ask: Ask, model: str, ends: float) -> Answer:
    """A call may take half of the whole time, so that one that hangs leaves time for another."""
    assert provider.chat is not None
    left = ends - time.monotonic()
    if left <= 0.1:
        raise providers.Down
    started, answer, outcome = now(), None, "ok"
    try:
        async with asyncio.timeout(min(left, max(provider.settings.ai_timeout_s / 2, 1.0))):
            with telemetry.span(f"model {model}", capability=ask.capability):
                answer = await provider.chat(ask, model, left)
    except TimeoutError as error:
        outcome = "Down"
        raise providers.Down from error
    except providers.CallFailed as error:
        outcome = type(error).__name__
        raise
    finally:
        price = provider.settings.ai_prices.get(model)
        await calls.record(db, ask, provider.name, model, outcome, started, answer=answer, price=price)
    provider.failures = 0
    await _keep_to_limits(db, ask, answer)
    return answer


async def _keep_to_limits(db: Database, ask: Ask, answer: Answer) -> None:
    """What the provider says is left this minute (tokens) and today (requests) holds for every replica."""
    limits = answer.limits
    if limits.tokens is not None and limits.tokens < ask.max_tokens and limits.tokens_reset_s:
        await calls.block(db, provider.name, answer.model, "Throttled", limits.tokens_reset_s)
    if limits.requests == 0 and limits.requests_reset_s:
        await calls.block(db, provider.name, answer.model, "Throttled", limits.requests_reset_s)


async def _models(db: Database, ask: Ask) -> list[str]:
    """Those that may be asked now, in their order; or why none may."""
    blocked = await calls.blocked(db, provider.name)
    if ALL in blocked:
        reason, seconds = blocked[ALL]
        if reason == "KeyRefused":
            raise AiCredentialsInvalid(details={"mend": KEY_MEND})
        raise AiUnavailable(retry_after=seconds)
    wanted = [*dict.fromkeys((*((ask.model,) if ask.model else ()), *provider.settings.models))]
    free = [model for model in wanted if model not in blocked]
    waits = [blocked[model][1] for model in wanted if model in blocked and blocked[model][0] == "Throttled"]
    if not free and waits:
        raise AiRateLimited(retry_after=max(1, min(waits)))
    if not free:
        raise AiModelUnavailable(details={"mend": MODEL_MEND})
    return free


async def _remember(db: Database, model: str, error: providers.CallFailed) -> Refusal:
    """What this failure means for the calls to come, and what to say if no other model helps."""
    if isinstance(error, providers.ModelGone):
        await calls.block(db, provider.name, model, "ModelGone", GONE_FOR)
        return AiModelUnavailable(details={"mend": MODEL_MEND})
    if isinstance(error, providers.Throttled):
        await calls.block(db, provider.name, model, "Throttled", error.retry_after)
        return AiRateLimited(retry_after=max(1, round(error.retry_after)))
    if isinstance(error, providers.KeyRefused):
        await calls.block(db, provider.name, ALL, "KeyRefused", REFUSED_FOR)
        return AiCredentialsInvalid(details={"mend": KEY_MEND})
    if isinstance(error, providers.Down):
        provider.failures += 1
        if provider.failures >= BREAKS_AFTER:
            provider.failures = 0
            await calls.block(db, provider.name, ALL, "Down", BROKEN_FOR)
    return AiUnavailable()


def _masked(turn: dict[str, str]) -> str:
    """What identifies a customer stays in the house; our own instructions go as they are."""
    return turn["content"] if turn["role"] == "system" else privacy.masked(turn["content"])
