"""When a meeting is possible: rules over plain values."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

OFFERED = 5
DEFAULT_HOURS = (9, 10, 11, 14, 15, 16, 17)
PARTS_OF_DAY = {"morning": (0, 12), "afternoon": (12, 18), "evening": (18, 24)}

Stretch = tuple[datetime, datetime]


@dataclass(frozen=True)
class Window:
    """A stretch of a week day, or of one date, that is open or closed for one person or for everybody."""

    start: time
    end: time
    open: bool
    person: str | None = None
    weekday: int | None = None  # 0: Sunday
    day: date | None = None


@dataclass(frozen=True)
class Terms:
    """What an offer has to respect."""

    duration: timedelta
    interval: timedelta
    min_advance: timedelta
    max_advance: timedelta
    buffer_before: timedelta
    buffer_after: timedelta


@dataclass(frozen=True)
class Wishes:
    dates: Sequence[date] = ()
    part_of_day: str | None = None


@dataclass(frozen=True)
class Slot:
    start: datetime
    end: datetime
    people: tuple[str, ...]  # who is free, in the order in which they were named


def propose(
    moment: datetime,
    zone: ZoneInfo,
    terms: Terms,
    windows: Sequence[Window],
    busy: Mapping[str, Sequence[Stretch]],
    wishes: Wishes,
    *,
    needed: int = 1,
    limit: int = OFFERED,
) -> list[Slot]:
    """The soonest times at which as many as are needed are free; what the customer wished for comes first."""
    earliest, latest = moment + terms.min_advance, moment + terms.max_advance
    found: list[Slot] = []
    wished: list[Slot] = []
    for start in _starts(earliest, latest, zone, terms, windows):
        slot = _slot(start, zone, terms, windows, busy)
        if len(slot.people) < needed:
            continue
        (wished if _wished(slot, zone, wishes) else found).append(slot)
        if len(wished) == limit:
            break
    return (wished + found)[:limit]


def free(person: str, start: datetime, terms: Terms, busy: Mapping[str, Sequence[Stretch]]) -> bool:
    """Nothing else, not within the pauses before and after either."""
    begins, ends = start - terms.buffer_before, start + terms.duration + terms.buffer_after
    return all(ends <= taken or until <= begins for taken, until in busy.get(person, ()))


def _starts(
    earliest: datetime, latest: datetime, zone: ZoneInfo, terms: Terms, windows: Sequence[Window]
) -> Iterator[datetime]:
    day = earliest.astimezone(zone).date()
    while day <= latest.astimezone(zone).date():
        for clock in _clocks(day, terms, windows):
            start = datetime.combine(day, clock, zone).astimezone(UTC)
            if earliest <= start <= latest:
                yield start
        day += timedelta(days=1)


def _clocks(day: date, terms: Terms, windows: Sequence[Window]) -> list[time]:
    """The times of day at which a meeting may begin. Nothing configured: office hours on weekdays."""
    if not any(window.open for window in windows):
        return [time(hour) for hour in DEFAULT_HOURS] if day.weekday() < 5 else []
    clocks: set[time] = set()
    for window in windows:
        if window.open and _applies(window, day):
            start = datetime.combine(day, window.start)
            while start + terms.duration <= datetime.combine(day, window.end):
                clocks.add(start.time())
                start += terms.interval
    return sorted(clocks)


def _slot(
    start: datetime,
    zone: ZoneInfo,
    terms: Terms,
    windows: Sequence[Window],
    busy: Mapping[str, Sequence[Stretch]],
) -> Slot:
    people = tuple(
        person
        for person in busy
        if _at_work(person, start, zone, terms, windows) and free(person, start, terms, busy)
    )
    return Slot(start, start + terms.duration, people)


def _at_work(person: str, start: datetime, zone: ZoneInfo, terms: Terms, windows: Sequence[Window]) -> bool:
    local = start.astimezone(zone)
    day, begins = local.date(), local.time()
    ends = (local + terms.duration).time()
    own = [window for window in windows if window.person in (None, person) and _applies(window, day)]
    if any(not window.open and begins < window.end and window.start < ends for window in own):
        return False
    if not any(window.open for window in windows):
        return True
    return any(window.open and window.start <= begins and ends <= window.end for window in own)


def _applies(window: Window, day: date) -> bool:
    return window.day == day if window.day else window.weekday == day.isoweekday() % 7


def _wished(slot: Slot, zone: ZoneInfo, wishes: Wishes) -> bool:
    local = slot.start.astimezone(zone)
    begins, ends = PARTS_OF_DAY.get(wishes.part_of_day or "", (0, 24))
    return (not wishes.dates or local.date() in wishes.dates) and begins <= local.hour < ends
