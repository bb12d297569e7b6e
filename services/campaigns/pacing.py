"""How much campaigns may send through an instance in a day: a cap, and the warm-up of a new number."""

from datetime import date

from protos import campaigns_pb2 as pb
from services.campaigns import workspace
from services.campaigns.campaigns import instances
from services.kit.actor import Actor
from services.kit.clock import now
from services.kit.db import Database, Row, Session
from services.kit.errors import NotFound


class InstanceNotFound(NotFound):
    """Instance not found"""


FIRST_DAY = 50
WARM_UP_DAYS = 14  # from then on the number is known

READ = """
    select %(id)s::uuid as instance_id, daily_cap, warm_up_from, coalesce(handed, 0) as handed
    from (select) as one
    left join instance_pacing on instance_pacing.instance_id = %(id)s
    left join instance_days on instance_days.instance_id = %(id)s and day = %(day)s
"""
WRITE = """
    insert into instance_pacing (instance_id, daily_cap, warm_up_from, updated_at)
    values (%(id)s, %(cap)s, %(from)s, %(at)s)
    on conflict (instance_id) do update
    set daily_cap = excluded.daily_cap, warm_up_from = excluded.warm_up_from, updated_at = excluded.updated_at
"""
OPEN_DAY = "insert into instance_days (instance_id, day) values (%(id)s, %(day)s) on conflict do nothing"
LOCK_DAY = "select handed from instance_days where instance_id = %(id)s and day = %(day)s for update"
COUNT = """
    update instance_days set handed = greatest(0, handed + %(count)s)
    where instance_id = %(id)s and day = %(day)s
"""


def allowance(daily_cap: int | None, warm_up_from: date | None, today: date) -> int | None:
    """Messages allowed on this day; None is no limit. A new number doubles what it may send every day."""
    limits = [] if daily_cap is None else [daily_cap]
    day = 0 if warm_up_from is None else max((today - warm_up_from).days, 0)
    if warm_up_from is not None and day < WARM_UP_DAYS:
        limits.append(FIRST_DAY * 2**day)
    return min(limits, default=None)


async def reserve(session: Session, instance_id: str, day: date, wanted: int) -> int:
    """How many of those wanted may be handed over today; they are counted from now on."""
    await session.run(OPEN_DAY, id=instance_id, day=day)
    handed = await session.scalar(LOCK_DAY, id=instance_id, day=day)
    row = await session.first(READ, id=instance_id, day=day)
    assert row
    allowed = _allowed(row, day)
    granted = wanted if allowed is None else max(0, min(wanted, allowed - handed))
    await session.run(COUNT, id=instance_id, day=day, count=granted)
    return granted


async def give_back(session: Session, instance_id: str, days: list[str]) -> None:
    """What was never sent does not count."""
    for day in sorted(set(days)):
        await session.run(COUNT, id=instance_id, day=day, count=-days.count(day))


async def get_pacing(db: Database, actor: Actor, request: pb.GetPacingRequest) -> pb.Pacing:
    await _refuse_unknown(request.instance_id)
    return await _pacing(db, request.instance_id)


async def set_pacing(db: Database, actor: Actor, request: pb.SetPacingRequest) -> pb.PacingResponse:
    await _refuse_unknown(request.instance_id)
    cap = request.daily_cap or None
    start = date.fromisoformat(request.warm_up_from) if request.warm_up_from else None
    async with db.begin() as session:
        await session.run(WRITE, **{"id": request.instance_id, "cap": cap, "from": start, "at": now()})
    return pb.PacingResponse(success=True, pacing=await _pacing(db, request.instance_id))


async def _refuse_unknown(instance_id: str) -> None:
    if not await instances([instance_id]):
        raise InstanceNotFound


async def _pacing(db: Database, instance_id: str) -> pb.Pacing:
    day = workspace.today(now(), await workspace.zone())
    async with db.read() as session:
        row = await session.first(READ, id=instance_id, day=day)
    assert row
    return pb.Pacing(
        instance_id=instance_id,
        daily_cap=row.daily_cap,
        warm_up_from=row.warm_up_from,
        allowed_today=_allowed(row, day),
        handed_today=row.handed,
    )


def _allowed(row: Row, day: date) -> int | None:
    start = date.fromisoformat(row.warm_up_from) if row.warm_up_from else None
    return allowance(row.daily_cap, start, day)
