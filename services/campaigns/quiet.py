"""Quiet hours: when nobody wants to hear from a campaign."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True)
class Quiet:
    """From one time of day until another; over midnight where it begins later than it ends."""

    begins: time
    ends: time


def hours(begins: str | None, ends: str | None) -> Quiet | None:
    """`21:00` and `08:00`; nothing, or twice the same, is no quiet at all."""
    if not begins or not ends or begins == ends:
        return None
    return Quiet(time.fromisoformat(begins), time.fromisoformat(ends))


def allows(quiet: Quiet | None, moment: datetime, zone: ZoneInfo) -> bool:
    if quiet is None:
        return True
    clock = moment.astimezone(zone).time()
    if quiet.begins < quiet.ends:
        return not quiet.begins <= clock < quiet.ends
    return quiet.ends <= clock < quiet.begins


def begins_next(quiet: Quiet | None, moment: datetime, zone: ZoneInfo) -> datetime | None:
    """Until when a message of this moment may still be sent."""
    if quiet is None:
        return None
    local = moment.astimezone(zone)
    today = datetime.combine(local.date(), quiet.begins, zone)
    if today > local:
        return today.astimezone(UTC)
    return datetime.combine(local.date() + timedelta(days=1), quiet.begins, zone).astimezone(UTC)
