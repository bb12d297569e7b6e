"""How many conversations there are of each kind, without counting them: see the trigger in the migrations."""

from protos import messaging_pb2 as pb
from services.kit.actor import Actor
from services.kit.db import Database, Session

COLUMNS = "instance_id, status, conversation_mode, assigned_to, category, is_unread, is_waiting"
SPREAD = f"select count(*) as steps, count(distinct ({COLUMNS})) as kinds from tallies"
CONDENSE = f"""
    with gone as (delete from tallies returning {COLUMNS}, amount)
    insert into tallies ({COLUMNS}, amount)
    select {COLUMNS}, sum(amount) from gone group by {COLUMNS} having sum(amount) <> 0
"""
SLACK = 500
ASSIGNED = """
    select assigned_to, sum(amount)::int as amount from tallies
    where status = 'active' and assigned_to = any(%(ids)s::uuid[])
    group by assigned_to having sum(amount) <> 0
"""


async def condense(db: Database) -> None:
    """Every change adds a row; when most rows are steps, they become one row per kind again."""
    async with db.read() as session:
        spread = await session.first(SPREAD)
    if spread is not None and spread.steps > 2 * spread.kinds + SLACK:
        async with db.begin() as session:
            await session.run(CONDENSE)


async def count_assigned(
    session: Session, actor: Actor, request: pb.CountAssignedRequest
) -> pb.CountAssignedResponse:
    rows = await session.all(ASSIGNED, ids=[*request.user_ids])
    return pb.CountAssignedResponse(counts={row.assigned_to: row.amount for row in rows})
