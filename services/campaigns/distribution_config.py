"""How escalations are distributed: a sector's rules, else everybody's, else the defaults."""

from dataclasses import asdict, dataclass
from typing import Any

from protos import campaigns_pb2 as pb
from services.campaigns import workspace
from services.kit.actor import Actor
from services.kit.db import Database, Session
from services.kit.tables import new_id


@dataclass(frozen=True)
class Rules:
    method: str = "round_robin"
    auto_distribute: bool = True
    max_queue_time_minutes: int = 30
    priority_boost_after_minutes: int = 10
    max_concurrent_per_agent: int = 5


READ = """
    select method, auto_distribute, max_queue_time_minutes, priority_boost_after_minutes,
        max_concurrent_per_agent
    from escalation_distribution_config where sector_id is null or sector_id = %(sector)s
    order by sector_id nulls last limit 1
"""
WRITE = """
    insert into escalation_distribution_config (
        id, sector_id, method, auto_distribute, max_queue_time_minutes, priority_boost_after_minutes,
        max_concurrent_per_agent
    )
    values (
        %(id)s, %(sector)s, %(method)s, %(auto_distribute)s, %(max_queue_time_minutes)s,
        %(priority_boost_after_minutes)s, %(max_concurrent_per_agent)s
    )
    on conflict (sector_id) do update set method = excluded.method,
        auto_distribute = excluded.auto_distribute,
        max_queue_time_minutes = excluded.max_queue_time_minutes,
        priority_boost_after_minutes = excluded.priority_boost_after_minutes,
        max_concurrent_per_agent = excluded.max_concurrent_per_agent
"""


async def rules_for(db: Database, sector_id: str | None) -> Rules:
    automatic = await workspace.setting("escalations.auto_distribute")
    async with db.read() as session:
        return await _read(session, sector_id, Rules(auto_distribute=automatic is not False))


async def get_distribution(db: Database, actor: Actor, request: pb.GetDistributionRequest) -> pb.Distribution:
    sector = request.sector_id or None
    return pb.Distribution(sector_id=sector, **asdict(await rules_for(db, sector)))


async def set_distribution(
    db: Database, actor: Actor, request: pb.SetDistributionRequest
) -> pb.DistributionResponse:
    """Only what is given changes."""
    sector = request.sector_id or None
    values: dict[str, Any] = asdict(await rules_for(db, sector))
    values |= {name: getattr(request, name) for name in values if request.HasField(name)}
    async with db.begin() as session:
        await session.run(WRITE, id=new_id(), sector=sector, **values)
    return pb.DistributionResponse(success=True, distribution=pb.Distribution(sector_id=sector, **values))


async def _read(session: Session, sector_id: str | None, default: Rules) -> Rules:
    row = await session.first(READ, sector=sector_id)
    return Rules(**row._asdict()) if row else default
