"""One log: JSON lines, or columns on a terminal. Ids, never objects; never what people wrote."""

import logging
import sys
import traceback
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from services.kit import context

log: structlog.stdlib.BoundLogger = structlog.get_logger()


SAFE = (
    TypeError,
    AttributeError,
    NameError,
    ImportError,
)  # their messages name code, never what people wrote


def describe_exception(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Where it broke and what kind it was. Messages stay out: drivers put row values into them."""
    info = event.pop("exc_info", None)
    error = sys.exc_info()[1] if info is True else info[1] if isinstance(info, tuple) else info
    if isinstance(error, BaseException):
        event["exception"] = type(error).__qualname__ + (f": {error}" if isinstance(error, SAFE) else "")
        event["traceback"] = [
            f"{frame.filename}:{frame.lineno} {frame.name}"
            for frame in traceback.extract_tb(error.__traceback__)
        ]
    return event


def configure(service: str, level: str = "INFO") -> None:
    """Send structlog and the standard library's loggers through one formatter."""

    def name_service(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        event["service"] = service
        current = context.current()
        event.setdefault("request_id", current.request_id)
        event.setdefault("trace_id", current.traceparent[3:35])
        return event

    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        name_service,
    ]
    renderer: Any = (
        structlog.dev.ConsoleRenderer() if sys.stdout.isatty() else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                describe_exception,
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for chatty in (
        "nats",
        "httpx2",
        "httpx",
        "httpcore2",
        "botocore",
        "boto3",
        "urllib3",
        "uvicorn.access",
        "groq",
    ):
        logging.getLogger(chatty).setLevel("WARNING")
