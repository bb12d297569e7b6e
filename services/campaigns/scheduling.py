"""When meetings may be offered to customers: a sector's rules, else everybody's, else the defaults."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date, time, timedelta
from typing import Any

from protos import campaigns_pb2 as pb
from services.campaigns.slots import Terms, Window
from services.kit.actor import Actor
from services.kit.db import Row, Session
from services.kit.errors import Invalid
from services.kit.tables import new_id


@dataclass(frozen=True)
class Scheduling:
    is_enabled: bool = True
    allow_ai_scheduling: bool = True
    default_duration_minutes: int = 30
    slot_interval_minutes: int = 30
    min_advance_hours: int = 2
    max_advance_days: int = 30
    buffer_before_minutes: int = 5
    buffer_after_minutes: int = 5
    reminder24h_enabled: bool = True
    reminder1h_enabled: bool = True
    reminder24h_text: str | None = None
    reminder1h_text: str | None = None
    require_confirmation: bool = False
    confirmation_message: str | None = None
    default_meeting_type: str = "video"

    def terms(self, duration_minutes: int | None = None) -> Terms:
        return Terms(
            duration=timedelta(minutes=duration_minutes or self.default_duration_minutes),
            interval=timedelta(minutes=self.slot_interval_minutes),
            min_advance=timedelta(hours=self.min_advance_hours),
            max_advance=timedelta(days=self.max_advance_days),
            buffer_before=timedelta(minutes=self.buffer_before_minutes),
            buffer_after=timedelta(minutes=self.buffer_after_minutes),
        )


NAMES = [field.name for field in fields(Scheduling)]
READ = f"""
    select {", ".join(NAMES)} from scheduling_config where sector_id is null or sector_id = %(sector)s
    order by sector_id nulls last limit 1
"""
WRITE = f"""
    insert into scheduling_config (id, sector_id, {", ".join(NAMES)})
    values (%(id)s, %(sector)s, {", ".join(f"%({name})s" for name in NAMES)})
    on conflict (sector_id) do update set {", ".join(f"{name} = excluded.{name}" for name in NAMES)}
"""
WINDOWS = """
    select agent_id, day_of_week, specific_date, start_time, end_time, slot_type from availability_slots
    where sector_id is not distinct from %(sector)s
    order by specific_date nulls first, day_of_week, start_time, id
"""
CLEAR_WINDOWS = "delete from availability_slots where sector_id is not distinct from %(sector)s"
ADD_WINDOW = """
    insert into availability_slots
        (id, sector_id, agent_id, day_of_week, specific_date, start_time, end_time, slot_type)
    values (%(id)s, %(sector)s, %(agent)s, %(day)s, %(date)s, %(start)s, %(end)s, %(type)s)
"""


async def scheduling_for(session: Session, sector_id: str | None) -> Scheduling:
    row = await session.first(READ, sector=sector_id)
    return Scheduling(**row._asdict()) if row else Scheduling()


async def windows_for(session: Session, sector_id: str | None) -> list[Window]:
    """The sector's own, or where it has none everybody's."""
    rows = await session.all(WINDOWS, sector=sector_id)
    if not rows and sector_id is not None:
        rows = await session.all(WINDOWS, sector=None)
    return [_window(row) for row in rows]


async def get_scheduling(session: Session, actor: Actor, request: pb.GetSchedulingRequest) -> pb.Scheduling:
    return await _shown(session, request.sector_id or None)


async def set_scheduling(
    session: Session, actor: Actor, request: pb.SetSchedulingRequest
) -> pb.SchedulingResponse:
    """Only what the body holds; null brings a default back. A list of windows replaces the one before."""
    sector = request.sector_id or None
    named = {*request.update_mask.paths, *(name for name in NAMES if request.HasField(name))}
    values: dict[str, Any] = asdict(await scheduling_for(session, sector))
    default = asdict(Scheduling())
    for name in named & {*NAMES}:
        values[name] = getattr(request, name) if request.HasField(name) else default[name]
    await session.run(WRITE, id=new_id(), sector=sector, **values)
    if request.availability or "availability" in named:
        await _replace_windows(session, sector, request.availability)
    return pb.SchedulingResponse(success=True, scheduling=await _shown(session, sector))


async def _replace_windows(session: Session, sector: str | None, windows: Sequence[pb.Availability]) -> None:
    for number, window in enumerate(windows):
        if window.start_time >= window.end_time:
            raise Invalid(
                "A window of the availability ends before it begins.",
                fields={f"availability[{number}].endTime": "is not later than startTime"},
            )
        if window.HasField("day_of_week") == window.HasField("specific_date"):
            raise Invalid(
                "A window of the availability needs either dayOfWeek or specificDate.",
                fields={f"availability[{number}]": "needs either dayOfWeek or specificDate"},
            )
    await session.run(CLEAR_WINDOWS, sector=sector)
    for window in windows:
        await session.run(
            ADD_WINDOW,
            id=new_id(),
            sector=sector,
            agent=window.agent_id or None,
            day=window.day_of_week if window.HasField("day_of_week") else None,
            date=window.specific_date or None,
            start=window.start_time,
            end=window.end_time,
            type=window.slot_type or "available",
        )


async def _shown(session: Session, sector: str | None) -> pb.Scheduling:
    rules = await scheduling_for(session, sector)
    rows = await session.all(WINDOWS, sector=sector)
    return pb.Scheduling(
        **asdict(rules),
        sector_id=sector,
        availability=[pb.Availability(**row._asdict()) for row in rows],
    )


def _window(row: Row) -> Window:
    return Window(
        start=time.fromisoformat(row.start_time),
        end=time.fromisoformat(row.end_time),
        open=row.slot_type == "available",
        person=row.agent_id,
        weekday=row.day_of_week,
        day=date.fromisoformat(row.specific_date) if row.specific_date else None,
    )
