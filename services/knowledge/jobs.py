"""What knowledge does by the clock."""

from datetime import timedelta

from services.kit.jobs import Job, every
from services.knowledge import optimization, vectors

JOBS: list[Job] = [
    every(timedelta(minutes=1), vectors.fill),
    every(timedelta(weeks=1), optimization.analyse_weekly),
]
