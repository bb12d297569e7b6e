"""Any server that speaks the OpenAI chat API: Ollama, llama.cpp, vLLM, LM Studio, and the rest."""

from typing import Any

import httpx2
import orjson

from services.intelligence import providers
from services.intelligence.providers import Answer, Ask
from services.intelligence.settings import IntelligenceSettings

models = None  # their lists name files, or `llama3:latest` where `llama3` is asked for: nothing to go by

_client: httpx2.AsyncClient


def open_client(settings: IntelligenceSettings) -> None:
    """`AI_BASE_URL` ends where `/chat/completions` begins, as the servers' own manuals write it."""
    global _client
    key = settings.ai_api_key.get_secret_value()
    _client = httpx2.AsyncClient(
        base_url=settings.ai_base_url.rstrip("/") + "/",
        headers={"Authorization": f"Bearer {key}"} if key else {},
    )


async def chat(ask: Ask, model: str, timeout: float) -> Answer:
    body: dict[str, Any] = {
        "model": model,
        "messages": ask.messages,
        "temperature": ask.temperature,
        "max_tokens": providers.room(model, ask.max_tokens),
    }
    if ask.schema is not None:
        body["response_format"] = providers.json_format(model, ask.schema)
    said = await _post(body, timeout)
    try:
        usage = said.get("usage") or {}
        return Answer(
            text=said["choices"][0]["message"]["content"] or "",
            provider="openai",
            model=model,
            prompt_tokens=int(usage.get("prompt_tokens") or 0),
            completion_tokens=int(usage.get("completion_tokens") or 0),
        )
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise providers.Unusable from error


async def _post(body: dict[str, Any], timeout: float) -> dict[str, Any]:
    try:
        reply = await _client.post("chat/completions", content=orjson.dumps(body), timeout=timeout)
        said = orjson.loads(reply.content)
    except (httpx2.HTTPError, orjson.JSONDecodeError) as error:
        raise providers.Down from error
    if reply.status_code >= 400:
        raise providers.failure(reply.status_code, _code(said), reply.headers)
    if not isinstance(said, dict):
        raise providers.Unusable
    return said


def _code(said: Any) -> str:
    told = said.get("error") if isinstance(said, dict) else None
    return str(told.get("code") or "") if isinstance(told, dict) else ""
