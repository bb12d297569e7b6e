"""Working hours: whether the agent attends at a moment, and since when it has not."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from protos import intelligence_pb2 as pb


def is_open(agent: pb.AgentConfig, at: datetime) -> bool:
    """Whether `at` falls into a working day's hours; hours that end before they start run over midnight."""
    local = at.astimezone(ZoneInfo(agent.working_timezone))
    return any(
        starts <= local < ends
        for starts, ends in (_shift(agent, local, day) for day in (0, -1))
        if _weekday(starts) in agent.working_days
    )


def closed_since(agent: pb.AgentConfig, at: datetime) -> datetime:
    """When the closed period that `at` is in began; a week back where nothing was open."""
    local = at.astimezone(ZoneInfo(agent.working_timezone))
    ends = [
        end
        for start, end in (_shift(agent, local, -days) for days in range(8))
        if end <= local and _weekday(start) in agent.working_days
    ]
    return max(ends, default=local - timedelta(days=7))


def _shift(agent: pb.AgentConfig, local: datetime, days: int) -> tuple[datetime, datetime]:
    """The hours of the day that is `days` away. The same start and end is the whole day."""
    day = local.date() + timedelta(days=days)
    zone = local.tzinfo
    start = datetime.combine(day, time.fromisoformat(agent.working_hours_start), zone)
    end = datetime.combine(day, time.fromisoformat(agent.working_hours_end), zone)
    return start, end if end > start else end + timedelta(days=1)


def _weekday(moment: datetime) -> int:
    """0 is Sunday."""
    return moment.isoweekday() % 7
