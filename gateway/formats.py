"""The formats that field rules name. Each check gives the value to use, or says what is wrong."""

import os
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import cache
from urllib.parse import urlsplit
from uuid import UUID
from zoneinfo import ZoneInfo

from protos import rules_pb2
from services.kit.clock import rfc3339

EMAIL = re.compile(r"[^@\s,;<>()\"]+@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,}")
CLOCK = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d")


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def matches(pattern: str, value: str) -> bool:
    return _compiled(pattern).fullmatch(value) is not None


def _plain(value: str) -> str:
    return value


def _uuid(value: str) -> str:
    try:
        return str(UUID(value))
    except ValueError:
        raise ValueError("is not a valid id") from None


def _email(value: str) -> str:
    if not EMAIL.fullmatch(value):
        raise ValueError("is not an e-mail address")
    return value


def _time(value: str) -> str:
    try:
        moment = datetime.fromisoformat(value.replace("Z", "+00:00"))
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=ZoneInfo(os.environ.get("DEFAULT_TIMEZONE", "America/Sao_Paulo")))
        return rfc3339(moment.astimezone(UTC))
    except (ValueError, OverflowError):
        raise ValueError("is not a time such as 2026-11-23T18:00:00Z") from None


def _date(value: str) -> str:
    try:
        return date.fromisoformat(value).isoformat()
    except ValueError:
        raise ValueError("is not a date such as 2026-11-23") from None


def _url(value: str) -> str:
    try:
        parts = urlsplit(value)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid or re.search(r"[\s\\\x00-\x1f]", value):
        raise ValueError("is not an http or https address")
    return value


def _phone(value: str) -> str:
    if not 8 <= len(re.sub(r"\D", "", value)) <= 15 or re.search(r"[^\d\s()+.-]", value):
        raise ValueError("is not a phone number of 8 to 15 digits")
    return value


def _timezone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        raise ValueError("is not a time zone such as America/Sao_Paulo") from None
    return value


def _clock(value: str) -> str:
    if not CLOCK.fullmatch(value):
        raise ValueError("is not a time of day such as 09:00")
    return value


CHECKS: dict[int, Callable[[str], str]] = {
    rules_pb2.PLAIN: _plain,
    rules_pb2.UUID: _uuid,
    rules_pb2.EMAIL: _email,
    rules_pb2.TIME: _time,
    rules_pb2.DATE: _date,
    rules_pb2.URL: _url,
    rules_pb2.PHONE: _phone,
    rules_pb2.TIMEZONE: _timezone,
    rules_pb2.CLOCK: _clock,
    rules_pb2.JSON: _plain,
}
