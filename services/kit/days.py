"""Days and times that people filter by. A day is meant as a whole; without a zone, the default one counts."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from services.kit.clock import parse
from services.kit.errors import Invalid
from services.kit.settings import Settings, load

INSTANT = timedelta(milliseconds=1)


def start(text: str, field: str) -> datetime:
    """The first moment that is meant. `field` is named where it is neither a day nor a time."""
    return _read(text, field)[0]


def end(text: str, field: str) -> datetime:
    """The first moment that is not meant any more."""
    return _read(text, field)[1]


def _read(text: str, field: str) -> tuple[datetime, datetime]:
    zone = ZoneInfo(load(Settings).default_timezone)
    try:
        if len(text) == len("2026-11-23"):
            day = date.fromisoformat(text)
            return _midnight(day, zone), _midnight(day + timedelta(days=1), zone)
        moment = parse(text)
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
        return moment, moment + INSTANT
    except (ValueError, OverflowError):
        raise Invalid(fields={field: "is not a day or a time such as 2026-11-23"}) from None


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)
