"""What messaging does by the clock."""

from datetime import timedelta

from services.kit.jobs import every
from services.messaging import files, sending

JOBS = [
    every(timedelta(seconds=2), sending.sweep),
    every(timedelta(hours=1), files.sweep),
]
