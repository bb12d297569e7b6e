"""Every answer of the gateway is one that its own description tells of: status, media type and shape."""

import re
from functools import cache
from itertools import islice
from typing import Any

import httpx2
import orjson
from jsonschema import Draft202012Validator

from gateway import openapi

Operation = dict[str, Any]
MOST_PROBLEMS = 5


@cache
def document() -> dict[str, Any]:
    loaded: dict[str, Any] = orjson.loads(openapi.document())
    return loaded


async def check(response: httpx2.Response) -> None:
    """A hook of a client: raises in the test that has asked."""
    request = response.request
    operation = described(request.method, request.url.raw_path.decode().partition("?")[0])
    if operation is None:
        return
    if operation["operationId"] == "streamEvents" and response.status_code == 200:
        return
    await response.aread()
    kind = response.headers.get("content-type", "")
    found = problems(operation, response.status_code, kind, response.content)
    assert not found, (request.method, str(request.url.path), response.status_code, found, response.text)


def described(method: str, path: str) -> Operation | None:
    """The operation at a path; None for what is not described."""
    for pattern, verbs in _paths():
        if pattern.fullmatch(path.removesuffix("/")) and method.lower() in verbs:
            found: Operation = verbs[method.lower()]
            return found
    return None


def problems(operation: Operation, status: int, content_type: str, body: bytes) -> list[str]:
    """What is not as described. `default` stands for what nobody foresaw, so it describes nothing here."""
    answers = operation["responses"]
    if str(status) not in answers:
        return [f"{status} is not among the answers of {operation['operationId']}"]
    content = _resolved(answers[str(status)]).get("content", {})
    kind = content_type.partition(";")[0]
    if kind not in content:
        return [f"{kind or 'nothing'} is not among {', '.join(content)}"]
    if not kind.endswith("json"):
        return []
    errors = _validator(orjson.dumps(content[kind]["schema"])).iter_errors(orjson.loads(body))
    return [f"{error.json_path}: {error.message[:200]}" for error in islice(errors, MOST_PROBLEMS)]


def event_problems(name: str, data: Any) -> list[str]:
    """What is not as the catalogue of events describes it; `reset` has nothing to describe."""
    known = document()["components"]["schemas"]["EventData"]["properties"]
    if name not in known:
        return [] if name == "reset" else [f"{name} is not described"]
    errors = _validator(orjson.dumps(known[name])).iter_errors(data)
    return [f"{name}: {error.json_path}: {error.message[:200]}" for error in islice(errors, MOST_PROBLEMS)]


@cache
def _paths() -> list[tuple[re.Pattern[str], dict[str, Operation]]]:
    """Literal segments win over variable ones; a file's key is all that is left of a path."""
    templates = sorted(document()["paths"], key=lambda path: path.count("{"))
    return [(re.compile(_expression(path)), document()["paths"][path]) for path in templates]


def _expression(path: str) -> str:
    return re.sub(r"\{(\w+)\}", lambda found: ".+" if found[1] == "key" else "[^/]+", path)


def _resolved(answer: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in answer:
        return answer
    found: dict[str, Any] = document()["components"]["responses"][answer["$ref"].rpartition("/")[2]]
    return found


@cache
def _validator(schema: bytes) -> Draft202012Validator:
    whole = {**orjson.loads(schema), "components": document()["components"]}
    return Draft202012Validator(whole, format_checker=Draft202012Validator.FORMAT_CHECKER)
