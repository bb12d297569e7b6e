"""One door to the language models: models that stand in for each other, tries within the deadline."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from services.intelligence import groq_chat, providers
from services.intelligence.providers import Answer, Ask
from services.intelligence.settings import IntelligenceSettings
from services.kit import context
from services.kit.errors import TooMany, Unavailable, Upstream
from services.kit.log import log

GONE_FOR = 3600.0
REFUSED_FOR = 60.0  # a key that was refused is not tried again at once
BREAKS_AFTER = 3
BROKEN_FOR = 15.0
SHORT_WAIT = 2.0  # a throttled call is worth waiting for only that long


class AiNotConfigured(Unavailable):
    """AI is not configured"""


class AiCredentialsInvalid(Unavailable):
    """The AI provider refuses our key."""


class AiModelUnavailable(Unavailable):
    """None of the configured AI models exists any more."""


class AiRateLimited(TooMany):
    """The AI provider is asked too much. Try again later."""


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
    """The configured provider, and what it has taught us. Times are of the monotonic clock."""

    name: str
    chat: Chat | None
    models: tuple[str, ...]
    timeout: float
    busy: asyncio.Semaphore
    gone: dict[str, float] = field(default_factory=dict)
    throttled: dict[str, float] = field(default_factory=dict)
    failures: int = 0
    broken_until: float = 0.0
    refused_until: float = 0.0


provider = Provider("local", None, (), 20.0, asyncio.Semaphore(8))


def open_provider(settings: IntelligenceSettings) -> None:
    global provider
    chat: Chat | None = None
    if settings.provider == "groq":
        groq_chat.open_client(settings)
        chat = groq_chat.chat
    provider = Provider(
        settings.provider,
        chat,
        settings.models,
        settings.ai_timeout_s,
        asyncio.Semaphore(settings.ai_max_concurrency),
    )


def is_configured() -> bool:
    return provider.chat is not None


async def complete(ask: Ask) -> Answer:
    """The first usable answer of the models, in their order; or the refusal that says what to mend."""
    if provider.chat is None:
        raise AiNotConfigured(details={"capability": ask.capability, "mend": MEND})
    _refuse_while_broken()
    ends = time.monotonic() + min(provider.timeout, context.current().remaining() or provider.timeout)
    failed: Exception = AiModelUnavailable(details={"mend": MODEL_MEND})
    async with provider.busy:
        for model in _models(ask):
            try:
                return await _ask_model(ask, model, ends)
            except providers.CallFailed as error:
                failed = _remember(model, error)
                log.warning(
                    "model_failed", model=model, capability=ask.capability, error=type(error).__name__
                )
            if ends - time.monotonic() < 0.5:
                break
    raise failed


async def _ask_model(ask: Ask, model: str, ends: float) -> Answer:
    """One model, at most twice."""
    assert provider.chat is not None
    try:
        return await _call(ask, model, ends)
    except providers.TooLong:
        ask = ask.shorter()
    except (providers.Down, providers.Unusable):
        await asyncio.sleep(random.uniform(0.05, 0.3))
    except providers.Throttled as error:
        if error.retry_after > min(SHORT_WAIT, ends - time.monotonic()):
            raise
        await asyncio.sleep(error.retry_after)
    return await _call(ask, model, ends)


async def _call(ask: Ask, model: str, ends: float) -> Answer:
    """A call may take half of the whole time, so that one that hangs leaves time for another."""
    assert provider.chat is not None
    left = ends - time.monotonic()
    if left <= 0.1:
        raise providers.Down
    try:
        async with asyncio.timeout(min(left, max(provider.timeout / 2, 1.0))):
            answer = await provider.chat(ask, model, left)
    except TimeoutError as error:
        raise providers.Down from error
    provider.failures = 0
    return answer


def _models(ask: Ask) -> list[str]:
    """Those that are neither gone nor throttled for now; the throttled ones where there is no other."""
    at = time.monotonic()
    wanted = dict.fromkeys((*((ask.model,) if ask.model else ()), *provider.models))
    there = [model for model in wanted if provider.gone.get(model, 0.0) <= at]
    free = [model for model in there if provider.throttled.get(model, 0.0) <= at]
    if there and not free:
        wait = min(provider.throttled[model] for model in there) - at
        raise AiRateLimited(retry_after=max(1, round(wait)))
    return free


def _refuse_while_broken() -> None:
    at = time.monotonic()
    if provider.refused_until > at:
        raise AiCredentialsInvalid(details={"mend": KEY_MEND})
    if provider.broken_until > at:
        raise AiUnavailable(retry_after=max(1, round(provider.broken_until - at)))


def _remember(model: str, error: providers.CallFailed) -> Exception:
    """What this failure means for the calls to come, and what to say if no other model helps."""
    at = time.monotonic()
    if isinstance(error, providers.ModelGone):
        provider.gone[model] = at + GONE_FOR
        return AiModelUnavailable(details={"mend": MODEL_MEND})
    if isinstance(error, providers.Throttled):
        provider.throttled[model] = at + error.retry_after
        return AiRateLimited(retry_after=max(1, round(error.retry_after)))
    if isinstance(error, providers.KeyRefused):
        provider.refused_until = at + REFUSED_FOR
        return AiCredentialsInvalid(details={"mend": KEY_MEND})
    if isinstance(error, providers.Down):
        provider.failures += 1
        if provider.failures >= BREAKS_AFTER:
            provider.broken_until = at + BROKEN_FOR
    return AiUnavailable()
