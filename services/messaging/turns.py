"""To whom new conversations go by themselves: one rule per instance, a fixed person or turns."""

from collections.abc import Sequence

from sqlalchemy import bindparam, insert, select, update

from protos import messaging_pb2 as pb
from services.kit.db import Row, Session
from services.messaging.headers import Header
from services.messaging.inbox_models import Assignment, AssignmentRule, Person

RULES = (
    select(
        AssignmentRule.id,
        AssignmentRule.name,
        AssignmentRule.instance_id,
        AssignmentRule.rule_type,
        AssignmentRule.fixed_agent_id,
        AssignmentRule.round_robin_agents,
        AssignmentRule.round_robin_last_index,
    )
    .where(AssignmentRule.is_active, AssignmentRule.instance_id == bindparam("instance"))
    .with_for_update()
)


async def assign(session: Session, headers: Sequence[Header]) -> list[pb.ConversationAssigned]:
    """Those without a person get one; the rule's row is locked, so that turns are fair under concurrency."""
    events = []
    waiting = [header for header in headers if header.assigned_to is None]
    for instance in sorted({header.instance_id for header in waiting}):
        rule = await session.first(RULES, instance=instance)
        if rule is not None:
            mine = [header for header in waiting if header.instance_id == instance]
            events += await _follow(session, rule, mine)
    return events


async def _follow(session: Session, rule: Row, headers: Sequence[Header]) -> list[pb.ConversationAssigned]:
    agents = [rule.fixed_agent_id] if rule.rule_type == "fixed" else rule.round_robin_agents
    able = await able_to_attend(session, agents)
    index = rule.round_robin_last_index
    reason = f"Auto-atribuição: {rule.name}"
    events = []
    for header in headers if able else ():
        index, agent = turn(agents, able, index)
        header.assigned_to = agent
        await session.run(
            insert(Assignment).values(conversation_id=header.id, assigned_to=agent, reason=reason)
        )
        events.append(
            pb.ConversationAssigned(
                conversation_id=header.id, assigned_to=agent, assigned_by="messaging", reason=reason
            )
        )
    await session.run(
        update(AssignmentRule).where(AssignmentRule.id == rule.id).values(round_robin_last_index=index)
    )
    return events


def turn(agents: Sequence[str], able: set[str], last: int) -> tuple[int, str]:
    """Whose turn it is after `last`, passing over those who cannot attend. Somebody in `agents` can."""
    index = last
    while True:
        index = (index + 1) % len(agents)
        if agents[index] in able:
            return index, agents[index]


async def able_to_attend(session: Session, people: Sequence[str]) -> set[str]:
    rows = await session.all(
        select(Person.id).where(Person.id.in_(people), Person.is_active, Person.is_approved)
    )
    return {row.id for row in rows}


async def release_from_the_inactive(session: Session, headers: Sequence[Header]) -> None:
    """A conversation that opens again stays with its person only while that person can attend."""
    assigned = [header.assigned_to for header in headers if header.assigned_to]
    able = await able_to_attend(session, assigned) if assigned else set()
    for header in headers:
        if header.assigned_to not in able:
            header.assigned_to = None
