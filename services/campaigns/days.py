"""Until when a filter reaches. A day is meant as a whole, in the workspace's time zone."""

import os
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from services.kit.clock import parse
from services.kit.errors import Invalid

INSTANT = timedelta(milliseconds=1)


def end(text: str, field: str) -> datetime:
    """The first moment that is not meant any more."""
    zone = ZoneInfo(os.environ.get("DEFAULT_TIMEZONE", "America/Sao_Paulo"))
    try:
        if len(text) == len("2026-11-30"):
            return datetime.combine(date.fromisoformat(text) + timedelta(days=1), time(), zone)
        moment = parse(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)) + INSTANT
    except (ValueError, OverflowError):
        raise Invalid(fields={field: "is not a day or a time such as 2026-11-30"}) from None
