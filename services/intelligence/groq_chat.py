"""Groq, through its own SDK. Retries are ours: the SDK would sleep through our deadline."""

import re
from collections.abc import Mapping
from typing import Any

import groq

from services.intelligence import providers
from services.intelligence.providers import Answer, Ask, Limits
from services.intelligence.settings import IntelligenceSettings

_client: groq.AsyncGroq


def open_client(settings: IntelligenceSettings) -> None:
    global _client
    _client = groq.AsyncGroq(
        api_key=settings.groq_api_key.get_secret_value(), base_url=settings.groq_base_url, max_retries=0
    )


async def chat(ask: Ask, model: str, timeout: float) -> Answer:
    options: dict[str, Any] = {}
    if ask.schema is not None:
        options["response_format"] = providers.json_format(model, ask.schema)
    if "gpt-oss" in model:
        options |= {"reasoning_effort": "low", "include_reasoning": False}
    try:
        raw = await _client.chat.completions.with_raw_response.create(
            model=model,
            messages=list(ask.messages),  # type: ignore[arg-type]
            temperature=ask.temperature,
            max_completion_tokens=providers.room(model, ask.max_tokens),
            timeout=timeout,
            **options,
        )
        completion = await raw.parse()
    except groq.APIStatusError as error:
        raise _failure(error) from error
    except (groq.APIError, ValueError) as error:
        raise providers.Down from error
    usage = completion.usage
    return Answer(
        text=completion.choices[0].message.content or "" if completion.choices else "",
        provider="groq",
        model=model,
        prompt_tokens=usage.prompt_tokens if usage else 0,
        completion_tokens=usage.completion_tokens if usage else 0,
        limits=limits(raw.headers),
    )


async def models() -> set[str]:
    try:
        listed = await _client.models.list(timeout=10)
    except groq.APIError as error:
        raise providers.Down from error
    return {model.id for model in listed.data}


def _failure(error: groq.APIStatusError) -> providers.CallFailed:
    body = error.body if isinstance(error.body, dict) else {}
    told = body.get("error")
    code = str(told.get("code") or "") if isinstance(told, dict) else ""
    return failure(error.status_code, code, error.response.headers)


def failure(status: int, code: str, headers: Mapping[str, str]) -> providers.CallFailed:
    """What an answer that is none means, for this API and those that copy it."""
    if status == 429:
        return providers.Throttled(seconds(headers.get("retry-after", "")) or 10.0)
    if status in (401, 403):
        return providers.KeyRefused()
    if code in ("model_not_found", "model_decommissioned"):
        return providers.ModelGone()
    if status == 413 or code == "context_length_exceeded":
        return providers.TooLong()
    if status >= 500 or status == 408:
        return providers.Down()
    return providers.Unusable()


def limits(headers: Mapping[str, str]) -> Limits:
    return Limits(
        requests=_whole(headers.get("x-ratelimit-remaining-requests")),
        requests_reset_s=seconds(headers.get("x-ratelimit-reset-requests", "")),
        tokens=_whole(headers.get("x-ratelimit-remaining-tokens")),
        tokens_reset_s=seconds(headers.get("x-ratelimit-reset-tokens", "")),
    )


def _whole(text: str | None) -> int | None:
    return int(text) if text and text.isdigit() else None


UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "": 1.0}


def seconds(text: str) -> float | None:
    """`7.66s`, `2m59.56s`, `120`: how long that is."""
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|[smhd]|)", text)
    return sum(float(number) * UNITS[unit] for number, unit in parts) if parts else None
