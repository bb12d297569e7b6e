"""Giving escalations to people. The pool's row is locked first, so that turns and loads are true."""

from collections.abc import Sequence
from typing import Any

from protos import campaigns_pb2 as pb
from services.campaigns import handovers, notifications, people
from services.campaigns.distribution_config import Rules, rules_for
from services.campaigns.escalations import EscalationEnded, locked, read, refuse_unless, shown
from services.campaigns.people import Person
from services.campaigns.turns import POOLS, Choice, Load, Turn, choose
from services.kit.actor import Actor
from services.kit.clock import now
from services.kit.db import Database, Row, Session
from services.kit.errors import Invalid
from services.kit.log import log
from services.kit.outbox import emit

BATCH = 10
LARGEST_BATCH = 500

OPEN_POOLS = """
    insert into distribution_pools (name) select unnest(%(names)s::text[]) on conflict do nothing
"""
LOCK_POOLS = "select * from distribution_pools where name = any(%(names)s) order by name for update"
LOADS = """
    select escalated_to, count(*) filter (where status = 'assigned') as open, max(assigned_at) as last
    from escalations where escalated_to = any(%(people)s) group by escalated_to
"""
MOVE_ON = """
    update distribution_pools set last_assigned_id = %(id)s, last_joined_at = %(joined)s where name = %(name)s
"""
ASSIGN = """
    update escalations set status = 'assigned', escalated_to = %(to)s, assigned_at = %(at)s,
        assignment_method = %(method)s, handed_over_at = null, updated_at = %(at)s
    where id = %(id)s returning *
"""
PENDING = """
    select id, sector_id from escalations
    where status = 'pending' and (%(sector)s::uuid is null or sector_id = %(sector)s)
    order by array_position(array['urgent', 'high', 'medium', 'low'], priority), created_at, id
    limit %(limit)s
"""


class NotDistributable(Invalid):
    """escalationId is required unless processAll or sectorId is given"""

    code = "validation_error"


async def distribute(
    db: Database, actor: Actor, request: pb.DistributeEscalationsRequest
) -> pb.DistributeEscalationsResponse:
    method = request.method or None
    if request.escalation_id:
        return await _distribute_one(db, request.escalation_id, request.assign_to, method)
    if not request.process_all and not request.sector_id:
        raise NotDistributable
    sector = request.sector_id or None
    return await _distribute_many(db, sector, LARGEST_BATCH if request.process_all else BATCH, method)


async def redistribute(db: Database, event: pb.DistributionDue) -> None:
    """In the background: somebody left, or it has waited too long."""
    await automatically(db, event.escalation_id)


async def automatically(db: Database, id: str) -> Choice:
    """Where the workspace wants it so; whoever could take it is told while nobody has it."""
    async with db.read() as session:
        escalation = await read(session, id)
    rules = await rules_for(db, escalation.sector_id)
    team = await people.eligible(sorted({role for pool in POOLS.values() for role in pool}))
    choice = Choice(None, "skipped_disabled")
    if rules.auto_distribute:
        choice = await give(db, id, team, rules)
    if choice.assigned_to is None:
        await _tell_pool(db, id, team)
    return choice


async def give(
    db: Database, id: str, team: Sequence[Person], rules: Rules, method: str | None = None
) -> Choice:
    """Assign a pending escalation to whoever is next. One that is not pending stays with its assignee."""
    async with db.begin() as session:
        escalation = await read(session, id)
        turns = await _lock_pools(session, POOLS[escalation.escalation_type])
        escalation = await locked(session, id)
        if escalation.status != "pending":
            return Choice(escalation.escalated_to, escalation.assignment_method or escalation.status)
        choice = await _choice(session, escalation, team, turns, rules, method)
        if choice.assigned_to:
            await assign(session, escalation, choice.assigned_to, choice.method)
            joined = next(person.joined_at for person in team if person.id == choice.assigned_to)
            await session.run(MOVE_ON, id=choice.assigned_to, joined=joined, name=choice.role)
    log.info("escalation_distributed", escalation_id=id, method=choice.method)
    return choice


async def assign(
    session: Session, escalation: Row, user_id: str, method: str, told_as: str | None = "reassignment"
) -> Row:
    """The caller holds the row. Whoever takes it without being asked need not be told."""
    assigned = await session.first(ASSIGN, id=escalation.id, to=user_id, method=method, at=now())
    assert assigned
    if told_as:
        await notifications.tell_of_escalation(
            session, [user_id], told_as, escalation.id, {"conversationId": escalation.conversation_id}
        )
    await emit(
        session,
        pb.EscalationAssigned(
            conversation_id=escalation.conversation_id,
            escalation_id=escalation.id,
            assigned_to=user_id,
            method=method,
            assigned_at=assigned.assigned_at,
            previously_assigned_to=escalation.escalated_to,
        ),
    )
    return assigned


async def preview(
    db: Database, escalation_type: str, sector_id: str | None, original_agent_id: str | None
) -> Choice:
    """Who would get it, without giving it."""
    team = await people.eligible(POOLS[escalation_type])
    rules = await rules_for(db, sector_id)
    async with db.read() as session:
        rows = await session.all("select * from distribution_pools")
        turns = {
            role: _turn(next((row for row in rows if row.name == role), None))
            for role in POOLS[escalation_type]
        }
        load = await _load(session, team)
    return choose(
        team,
        escalation_type,
        turns,
        load,
        method=rules.method,
        capacity=rules.max_concurrent_per_agent,
        avoid=original_agent_id,
    )


async def _distribute_one(
    db: Database, id: str, assign_to: str, method: str | None
) -> pb.DistributeEscalationsResponse:
    async with db.read() as session:
        escalation = await read(session, id)
    refuse_unless(escalation, "assigned")
    if assign_to:
        choice = await _by_hand(db, id, assign_to)
    elif escalation.status == "assigned":
        raise EscalationEnded("The escalation is assigned. Say with assignTo who takes it over.")
    else:
        team = await people.eligible(POOLS[escalation.escalation_type])
        choice = await give(db, id, team, await rules_for(db, escalation.sector_id), method)
    await handovers.soon(handovers.give_conversation(db, id))
    async with db.read() as session:
        escalation = await read(session, id)
    return pb.DistributeEscalationsResponse(
        success=True, escalation=shown(escalation), assigned_to=choice.assigned_to, method=choice.method
    )


async def _by_hand(db: Database, id: str, user_id: str) -> Choice:
    if not await people.eligible_among([user_id]):
        raise Invalid("Assignee not found or inactive", fields={"assignTo": "is not an active user"})
    async with db.begin() as session:
        escalation = await locked(session, id)
        refuse_unless(escalation, "assigned")
        if escalation.escalated_to != user_id:
            await assign(session, escalation, user_id, "manual")
    return Choice(user_id, "manual")


async def _distribute_many(
    db: Database, sector_id: str | None, limit: int, method: str | None
) -> pb.DistributeEscalationsResponse:
    async with db.read() as session:
        pending = await session.all(PENDING, sector=sector_id, limit=limit)
    team = await people.eligible()
    rules = {sector: await rules_for(db, sector) for sector in {row.sector_id for row in pending}}
    results = []
    for row in pending:
        choice = await give(db, row.id, team, rules[row.sector_id], method)
        await handovers.soon(handovers.give_conversation(db, row.id))
        results.append(
            pb.DistributionResult(escalation_id=row.id, assigned_to=choice.assigned_to, method=choice.method)
        )
    assigned = sum(result.HasField("assigned_to") for result in results)
    return pb.DistributeEscalationsResponse(
        success=True, processed=len(results), assigned=assigned, results=results
    )


async def _lock_pools(session: Session, names: Sequence[str]) -> dict[str, Turn | None]:
    await session.run(OPEN_POOLS, names=sorted(names))
    rows: list[Any] = await session.all(LOCK_POOLS, names=sorted(names))
    return {row.name: _turn(row) for row in rows}


def _turn(row: Row | None) -> Turn | None:
    return Turn(row.last_joined_at, row.last_assigned_id) if row and row.last_assigned_id else None


async def _choice(
    session: Session,
    escalation: Row,
    team: Sequence[Person],
    turns: dict[str, Turn | None],
    rules: Rules,
    method: str | None,
) -> Choice:
    return choose(
        team,
        escalation.escalation_type,
        turns,
        await _load(session, team),
        method=method or rules.method,
        capacity=rules.max_concurrent_per_agent,
        avoid=escalation.original_agent_id,
    )


async def _load(session: Session, team: Sequence[Person]) -> Load:
    rows = await session.all(LOADS, people=[person.id for person in team])
    return Load(
        open={row.escalated_to: row.open for row in rows},
        last_assigned_at={row.escalated_to: row.last or "" for row in rows},
    )


async def _tell_pool(db: Database, id: str, team: Sequence[Person]) -> None:
    async with db.begin() as session:
        escalation = await locked(session, id)
        if escalation.status == "pending":
            roles = POOLS[escalation.escalation_type]
            pool = [person for person in team if person.role in roles] or team
            told = [person.id for person in pool]
            await notifications.tell_of_escalation(
                session, told, "new_escalation", id, {"conversationId": escalation.conversation_id}
            )
