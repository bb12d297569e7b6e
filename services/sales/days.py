"""Days and times that people filter by, in the workspace's time zone where they name none."""

import os
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

INSTANT = timedelta(milliseconds=1)


def start(text: str) -> datetime:
    """The first moment that is meant."""
    return _midnight(date.fromisoformat(text)) if _is_day(text) else _moment(text)


def end(text: str) -> datetime:
    """The first moment that is not meant any more."""
    if _is_day(text):
        return _midnight(date.fromisoformat(text) + timedelta(days=1))
    return _moment(text) + INSTANT


@cache
def _zone() -> ZoneInfo:
    return ZoneInfo(os.environ.get("DEFAULT_TIMEZONE", "America/Sao_Paulo"))


def _is_day(text: str) -> bool:
    return len(text) == len("2026-11-23")


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), _zone()).astimezone(UTC)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return (moment if moment.tzinfo else moment.replace(tzinfo=_zone())).astimezone(UTC)
