"""How long what fails is tried again: for minutes where something is out, for seconds where it is a bug."""

import psycopg
import psycopg_pool
from google.protobuf.message import DecodeError

from services.kit.errors import DeadlineExceeded, Unavailable

PAUSES = (0.2, 1.0, 3.0, 10.0)
OUTAGE_PAUSES = (0.25, 0.5, 1.0, 2.0, 5.0, 10.0, *[20.0] * 30)
OUTAGES = (
    Unavailable,
    DeadlineExceeded,
    psycopg.OperationalError,
    psycopg_pool.PoolTimeout,
    TimeoutError,
    ConnectionError,
)


class Hangs(Exception):
    """It has not ended, although the database answers."""


def pauses(error: Exception) -> tuple[float, ...]:
    """Before each further attempt."""
    if isinstance(error, DecodeError):
        return ()
    if isinstance(error, Hangs):
        return PAUSES[:1]  # it holds a connection all the time
    return OUTAGE_PAUSES if isinstance(error, OUTAGES) else PAUSES
