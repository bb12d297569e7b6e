"""What travels with a piece of work: request id, trace, deadline and the token of the person behind it."""

import os
import random
import time
from contextvars import ContextVar
from dataclasses import dataclass, field, replace

SAMPLED = float(os.environ.get("OTEL_TRACES_SAMPLER_ARG") or 1)  # the part of our own traces that is kept


def new_trace() -> str:
    """A W3C traceparent of our own."""
    sampled = SAMPLED >= 1 or random.random() < SAMPLED
    return f"00-{_hex(16)}-{_hex(8)}-{sampled:02d}"


def _hex(length: int) -> str:
    """Digits for so many bytes; no secret, so that the kernel need not be asked."""
    return random.randbytes(length).hex()


@dataclass(frozen=True, slots=True)
class Context:
    request_id: str = field(default_factory=lambda: _hex(8))
    traceparent: str = field(default_factory=new_trace)
    deadline: float | None = None
    token: str | None = None
    idempotency: tuple[str, str] | None = None  # key and fingerprint; they end at the service that is asked

    def remaining(self) -> float | None:
        """Seconds left, or None where nobody set a deadline."""
        return None if self.deadline is None else self.deadline - time.monotonic()


_current: ContextVar[Context | None] = ContextVar("context", default=None)


def current() -> Context:
    """The context of this task; work that nobody asked for gets one of its own."""
    context = _current.get()
    if context is None:
        context = Context()
        _current.set(context)
    return context


def enter(context: Context) -> None:
    _current.set(context)


def limit(seconds: float) -> None:
    """Shorten what is left of this task's time."""
    context = current()
    deadline = time.monotonic() + seconds
    if context.deadline is None or deadline < context.deadline:
        enter(replace(context, deadline=deadline))
