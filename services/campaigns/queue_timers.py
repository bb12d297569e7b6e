"""Escalations that wait: after a while they become more urgent, after a longer while supervisors are told."""

from protos import campaigns_pb2 as pb
from services.campaigns import escalating, notifications, people
from services.campaigns.briefings import raised
from services.campaigns.distribution_config import Rules
from services.kit.clock import now
from services.kit.db import Database
from services.kit.outbox import emit

BATCH = 100

# A sector's own minutes, else everybody's, else the default.
OWN_MINUTES = """
    coalesce(
        (select {column} from escalation_distribution_config as rules where rules.sector_id = one.sector_id),
        (select {column} from escalation_distribution_config as rules where rules.sector_id is null),
        {default}
    )
"""
BOOSTABLE = f"""
    select * from escalations as one
    where status = 'pending' and priority <> 'urgent'
        and coalesce(last_priority_boost_at, created_at) <= %(at)s - make_interval(mins => {{minutes}})
    order by created_at limit {BATCH} for update skip locked
""".format(
    minutes=OWN_MINUTES.format(
        column="priority_boost_after_minutes", default=Rules.priority_boost_after_minutes
    )
)
BOOST = """
    update escalations set priority = %(priority)s, last_priority_boost_at = %(at)s, updated_at = %(at)s
    where id = %(id)s
"""
WARNABLE = f"""
    update escalations set timeout_warned_at = %(at)s where id in (
        select id from escalations as one
        where status = 'pending' and timeout_warned_at is null
            and created_at <= %(at)s - make_interval(mins => {{minutes}})
        order by created_at limit {BATCH} for update skip locked
    ) returning id, conversation_id
""".format(minutes=OWN_MINUTES.format(column="max_queue_time_minutes", default=Rules.max_queue_time_minutes))


async def watch(db: Database) -> None:
    while await _boost(db) == BATCH:
        pass
    supervisors = [person.id for person in await people.eligible(["supervisor", "admin"])]
    while await _warn(db, supervisors) == BATCH:
        pass


async def _boost(db: Database) -> int:
    """One step more urgent, once in each stretch of waiting."""
    async with db.begin() as session:
        waiting = await session.all(BOOSTABLE, at=now())
        for escalation in waiting:
            priority = raised(escalation.priority, 1)
            await session.run(BOOST, id=escalation.id, priority=priority, at=now())
            await escalating.announce_priority(session, escalation, priority)
    return len(waiting)


async def _warn(db: Database, supervisors: list[str]) -> int:
    """Told once; and somebody may be there by now."""
    async with db.begin() as session:
        waiting = await session.all(WARNABLE, at=now())
        for escalation in waiting:
            await notifications.tell_of_escalation(
                session,
                supervisors,
                "timeout_warning",
                escalation.id,
                {"conversationId": escalation.conversation_id},
            )
            due = pb.DistributionDue(conversation_id=escalation.conversation_id, escalation_id=escalation.id)
            await emit(session, due)
    return len(waiting)
