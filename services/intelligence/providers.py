"""What is asked of a language model, what it answers, and how it can fail, whoever serves it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any


class CallFailed(Exception):
    """The model did not answer."""


class Down(CallFailed):
    """It could not be reached, took too long, or failed by itself: another try may do."""


class ModelGone(CallFailed):
    """There is no such model any more."""


class KeyRefused(CallFailed):
    """The key is not accepted."""


class TooLong(CallFailed):
    """More was said than the model takes."""


class Unusable(CallFailed):
    """The answer is not what was asked for: another try may do."""


class Refused(CallFailed):
    """The request is not accepted as it is, and will not be the next time."""


class Throttled(CallFailed):
    """Too much was asked in too short a time."""

    def __init__(self, retry_after: float) -> None:
        super().__init__()
        self.retry_after = retry_after


@dataclass(frozen=True)
class Ask:
    """`schema` is the JSON schema of the answer; without one, the answer is text."""

    capability: str
    messages: tuple[dict[str, str], ...]
    temperature: float
    max_tokens: int
    schema: dict[str, Any] | None = None
    model: str | None = None
    conversation_id: str | None = None

    def shorter(self) -> "Ask":
        """The same with half of the conversation: what is oldest goes."""
        system, turns = self.messages[:1], self.messages[1:]
        return replace(self, messages=(*system, *turns[(len(turns) + 1) // 2 :]))


@dataclass(frozen=True)
class Limits:
    """What the provider says is left; None where it says nothing."""

    requests: int | None = None
    requests_reset_s: float | None = None
    tokens: int | None = None
    tokens_reset_s: float | None = None


@dataclass(frozen=True)
class Answer:
    text: str
    provider: str
    model: str
    prompt_tokens: int
    completion_tokens: int
    limits: Limits = Limits()

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens


def json_format(model: str, schema: dict[str, Any]) -> dict[str, Any]:
    """gpt-oss is held to the schema while it writes; other models are asked for any JSON."""
    if "gpt-oss" not in model:
        return {"type": "json_object"}
    return {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": schema}}


def room(model: str, max_tokens: int) -> int:
    """Reasoning comes out of the same budget as the answer."""
    return max(max_tokens + 1024, 2048) if "gpt-oss" in model else max_tokens


def failure(status: int, code: str, headers: Mapping[str, str]) -> CallFailed:
    """What an answer that is none means, for this API and those that copy it."""
    if status == 429:
        return Throttled(seconds(headers.get("retry-after", "")) or 10.0)
    if status in (401, 403):
        return KeyRefused()
    if (status == 404 and code != "unknown_url") or code == "model_decommissioned":
        return ModelGone()
    if status == 413 or code == "context_length_exceeded":
        return TooLong()
    if status >= 500 or status == 408:
        return Down()
    return Unusable() if code in ("json_validate_failed", "tool_use_failed") else Refused()


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
