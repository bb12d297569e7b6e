"""Our Groq: a server on loopback that speaks its API, says what a test scripts, and misbehaves on demand."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.fakes.loopback import serve

KEY = "gsk_only_for_the_tests"
MODELS = ("openai/gpt-oss-120b", "openai/gpt-oss-20b", "qwen/qwen3.6-27b")


@dataclass
class Trouble:
    """One answer that is none: a status with its code, or silence for some seconds."""

    status: int = 500
    code: str = "internal_server_error"
    headers: dict[str, str] = field(default_factory=dict)
    hang: float = 0.0


@dataclass
class Groq:
    """`script` is consumed call by call: text, a JSON value, trouble, or octets. Then `always` answers."""

    url: str = ""
    models: set[str] = field(default_factory=lambda: {"llama-3.3-70b-versatile", *MODELS})
    script: list[Any] = field(default_factory=list)
    always: Any = "Olá!"
    keys: set[str] = field(default_factory=lambda: {KEY})
    limits: dict[str, str] = field(default_factory=dict)
    calls: list[dict[str, Any]] = field(default_factory=list)

    @property
    def prompts(self) -> list[str]:
        """The whole text of each call."""
        return ["\n".join(turn["content"] for turn in call["messages"]) for call in self.calls]


@contextlib.asynccontextmanager
async def simulate() -> AsyncIterator[Groq]:
    groq = Groq()
    app = Starlette(
        routes=[
            Route("/openai/v1/chat/completions", complete, methods=["POST"]),
            Route("/openai/v1/models", list_models),
        ]
    )
    app.state.groq = groq
    async with serve(app) as groq.url:
        yield groq


async def complete(request: Request) -> Response:
    groq: Groq = request.app.state.groq
    call = await request.json()
    groq.calls.append(call)
    if not _admitted(request, groq):
        return _error(401, "invalid_api_key", "Invalid API Key")
    if call["model"] not in groq.models:
        return _error(404, "model_not_found", f"The model `{call['model']}` does not exist")
    said = groq.script.pop(0) if groq.script else groq.always
    if isinstance(said, Trouble):
        await asyncio.sleep(said.hang)
        return _error(said.status, said.code, "As scripted.", said.headers)
    if isinstance(said, bytes):
        return Response(said, media_type="text/html" if said.startswith(b"<") else "application/json")
    text = said if isinstance(said, str) else orjson.dumps(said).decode()
    return _json(_completion(call, text), groq.limits)


async def list_models(request: Request) -> Response:
    groq: Groq = request.app.state.groq
    if not _admitted(request, groq):
        return _error(401, "invalid_api_key", "Invalid API Key")
    rows = [{"id": name, "object": "model", "owned_by": "groq", "created": 0} for name in sorted(groq.models)]
    return _json({"object": "list", "data": rows})


def _admitted(request: Request, groq: Groq) -> bool:
    return request.headers.get("authorization", "").removeprefix("Bearer ") in groq.keys


def _completion(call: dict[str, Any], text: str) -> dict[str, Any]:
    prompt = sum(len(turn["content"]) for turn in call["messages"]) // 4
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": call["model"],
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {
            "prompt_tokens": prompt,
            "completion_tokens": len(text) // 4,
            "total_tokens": prompt + len(text) // 4,
        },
    }


def _error(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> Response:
    return _json(
        {"error": {"message": message, "type": "invalid_request_error", "code": code}}, headers, status
    )


def _json(value: Any, headers: dict[str, str] | None = None, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status, headers, "application/json")
