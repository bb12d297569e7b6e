"""What campaigns does by the clock."""

from datetime import timedelta

from services.campaigns import queue_timers, reminders, sending, sla, starting
from services.kit.jobs import every

JOBS = [
    every(timedelta(seconds=5), starting.start_due),
    every(timedelta(seconds=15), sending.keep_going),
    every(timedelta(seconds=60), queue_timers.watch),
    every(timedelta(seconds=60), reminders.process_due),
    every(timedelta(minutes=5), sla.sweep),
]
