"""Refusals: what a service says no with. The docstring is the message, the class name the code."""

import re
from collections.abc import Mapping
from typing import ClassVar

import orjson
from grpc import StatusCode


class Refusal(Exception):
    """The request was refused."""

    http: ClassVar[int] = 500
    grpc: ClassVar[StatusCode] = StatusCode.INTERNAL
    code: ClassVar[str] = "refusal"

    def __init_subclass__(cls) -> None:
        if "code" not in cls.__dict__:
            cls.code = re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()

    def __init__(
        self,
        message: str | None = None,
        *,
        fields: Mapping[str, str] | None = None,
        details: Mapping[str, object] | None = None,
        retry_after: int | None = None,
    ) -> None:
        """`fields` names the culprits of bad input, `details` adds members to the problem document."""
        self.message = message or (type(self).__doc__ or "").strip()
        self.fields = dict(fields or {})
        self.details = dict(details or {})
        self.retry_after = retry_after
        self.status = self.http
        self.name = self.code
        super().__init__(self.message)


class Invalid(Refusal):
    """The request makes no sense as it stands."""

    http, grpc, code = 400, StatusCode.INVALID_ARGUMENT, "validation_error"


class Unauthenticated(Refusal):
    """Invalid or expired token"""

    http, grpc = 401, StatusCode.UNAUTHENTICATED


class Forbidden(Refusal):
    """Insufficient permissions"""

    http, grpc = 403, StatusCode.PERMISSION_DENIED


class NotFound(Refusal):
    """Not found"""

    http, grpc = 404, StatusCode.NOT_FOUND


class Conflict(Refusal):
    """The object is not in a state that allows this."""

    http, grpc, code = 409, StatusCode.FAILED_PRECONDITION, "invalid_state"


class TooLarge(Refusal):
    """The body is too large."""

    http, grpc = 413, StatusCode.OUT_OF_RANGE


class Unsupported(Refusal):
    """This kind of content is not supported."""

    http, grpc = 415, StatusCode.UNIMPLEMENTED


class TooMany(Refusal):
    """Too many requests. Try again later."""

    http, grpc, code = 429, StatusCode.RESOURCE_EXHAUSTED, "too_many_requests"


class Upstream(Refusal):
    """A system that this one depends on refused."""

    http, grpc = 502, StatusCode.ABORTED


class Unavailable(Refusal):
    """The service is unavailable for the moment. Try again."""

    http, grpc = 503, StatusCode.UNAVAILABLE


class DeadlineExceeded(Refusal):
    """The answer took too long. Try again."""

    http, grpc = 504, StatusCode.DEADLINE_EXCEEDED


CATEGORIES = (
    Invalid,
    Unauthenticated,
    Forbidden,
    NotFound,
    Conflict,
    TooLarge,
    Unsupported,
    TooMany,
    Upstream,
    Unavailable,
    DeadlineExceeded,
)
_BY_STATUS: dict[StatusCode, type[Refusal]] = {category.grpc: category for category in CATEGORIES}


def to_metadata(refusal: Refusal) -> tuple[tuple[str, str | bytes], ...]:
    """The trailing metadata that carries a refusal to the caller."""
    rest = {
        "status": refusal.status,
        "code": refusal.name,
        "fields": refusal.fields,
        "details": refusal.details,
        "retry_after": refusal.retry_after,
    }
    return (("refusal-bin", orjson.dumps(rest)),)


def from_status(status: StatusCode, message: str, packed: bytes | None) -> Refusal:
    """The refusal that another service raised, so that it passes through unchanged."""
    category = _BY_STATUS.get(status, Unavailable if status is StatusCode.CANCELLED else Refusal)
    if packed is None:
        return category()
    rest = orjson.loads(packed)
    refusal = category(
        message, fields=rest["fields"], details=rest["details"], retry_after=rest["retry_after"]
    )
    refusal.status, refusal.name = rest["status"], rest["code"]
    return refusal
