"""What messaging does by the clock, and all the time."""

from datetime import timedelta

from services.kit.jobs import always, every
from services.messaging import (
    changes,
    doubts,
    downloads,
    endpoints,
    files,
    gaps,
    gate,
    probes,
    profile_checks,
    retrials,
    tallies,
)

JOBS = [
    always(gate.run),
    always(downloads.run),
    every(timedelta(seconds=10), gate.measure),
    every(timedelta(seconds=5), doubts.settle_lost),
    every(timedelta(seconds=5), changes.apply_what_came),
    every(timedelta(seconds=5), profile_checks.meet_the_new),
    every(timedelta(minutes=1), profile_checks.follow_groups),
    every(timedelta(seconds=10), tallies.condense),
    every(timedelta(seconds=10), doubts.resolve),
    every(timedelta(seconds=30), retrials.take_up),
    every(timedelta(minutes=5), gaps.fill),
    every(timedelta(minutes=5), probes.keep_checking),
    every(timedelta(minutes=10), endpoints.keep_verified),
    every(timedelta(hours=1), files.sweep),
]
