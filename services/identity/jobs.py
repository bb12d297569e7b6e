"""Everything that identity does by the clock."""

from datetime import timedelta

from services.identity import invites, keys, mail, passwords, revocations, sessions, throttle
from services.kit.jobs import every

HOUR = timedelta(hours=1)

JOBS = [
    every(timedelta(minutes=1), invites.expire),
    every(HOUR, keys.forget),
    every(HOUR, mail.forget),
    every(HOUR, passwords.forget),
    every(HOUR, revocations.forget),
    every(HOUR, sessions.forget),
    every(HOUR, throttle.forget),
]
