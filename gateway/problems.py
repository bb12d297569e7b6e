"""Refusals as problem documents (RFC 9457). `error` repeats `detail`: the original frontend reads it."""

from http import HTTPStatus
from typing import Any

import orjson

from services.kit.errors import Refusal

MEDIA_TYPE = b"application/problem+json"


class MethodNotAllowed(Refusal):
    """This method is not allowed here."""

    http = 405

    def __init__(self, allowed: list[str]) -> None:
        super().__init__()
        self.allowed = ", ".join(sorted(allowed))


class Broken(Refusal):
    """Something went wrong on our side. The request id names the log line."""

    code = "internal_error"


def document(refusal: Refusal, path: str, request_id: str) -> dict[str, Any]:
    problem: dict[str, Any] = {
        "type": f"/problems/{refusal.name.lower()}",
        "title": HTTPStatus(refusal.status).phrase,
        "status": refusal.status,
        "detail": refusal.message,
        "instance": path,
        "code": refusal.name,
        "requestId": request_id,
        "error": refusal.message,
    }
    if refusal.fields:
        problem["errors"] = [{"field": name, "message": text} for name, text in refusal.fields.items()]
    return problem | refusal.details


def answer(refusal: Refusal, path: str, request_id: str) -> tuple[int, bytes, list[tuple[bytes, bytes]]]:
    """Status, body and headers."""
    headers = [(b"content-type", MEDIA_TYPE)]
    if refusal.retry_after is not None:
        headers.append((b"retry-after", str(refusal.retry_after).encode()))
    if refusal.status == HTTPStatus.UNAUTHORIZED:
        headers.append((b"www-authenticate", b"Bearer"))
    if isinstance(refusal, MethodNotAllowed):
        headers.append((b"allow", refusal.allowed.encode()))
    return refusal.status, orjson.dumps(document(refusal, path, request_id)), headers
