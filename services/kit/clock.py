"""The one clock that rules read; tests and drills move it."""

import os
import time
from datetime import UTC, datetime, timedelta

_checked = -1.0
_offset = 0.0


def now() -> datetime:
    """Aware UTC; outside production shifted by the seconds in `CONVO_CLOCK_FILE`, read once a second."""
    return datetime.now(UTC) + timedelta(seconds=_shift())


def rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def _shift() -> float:
    global _checked, _offset
    if time.monotonic() - _checked >= 1:
        _checked = time.monotonic()
        _offset = _read()
    return _offset


def _read() -> float:
    path = os.environ.get("CONVO_CLOCK_FILE")
    if not path or os.environ.get("APP_ENV") == "production":
        return 0.0
    try:
        with open(path, encoding="utf-8") as file:
            return float(file.read().strip() or 0)
    except FileNotFoundError:
        return 0.0
