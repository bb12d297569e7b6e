"""Groq, through its own SDK. Retries are ours: the SDK would sleep through our deadline."""

from typing import Any

import groq

from services.intelligence import providers
from services.intelligence.providers import Answer, Ask
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
    try:
        usage = completion.usage
        return Answer(
            text=completion.choices[0].message.content or "",
            provider="groq",
            model=model,
            prompt_tokens=usage.prompt_tokens if usage else 0,
            completion_tokens=usage.completion_tokens if usage else 0,
            limits=providers.limits(raw.headers),
        )
    except (AttributeError, IndexError, TypeError) as error:  # the SDK does not look at what it is given
        raise providers.Unusable from error


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
    return providers.failure(error.status_code, code, error.response.headers)
