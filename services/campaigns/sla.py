"""Customers who wait too long: since when, as messaging's events tell, and beyond which promise."""

from protos import campaigns_pb2 as pb
from protos import messaging_pb2 as messaging
from services.kit.clock import now
from services.kit.db import Database, Session
from services.kit.outbox import emit

BATCH = 200

# Minutes until an answer, by the urgency of the conversation's escalation.
EXPECTED = {"high": 15, "medium": 30, "low": 60}

# The two kinds of events overtake each other: whichever comes last, the newer time decides. A question after
# an answer, among others before it, counts from the last one.
RECEIVED = """
    insert into waiting_conversations as one (conversation_id, last_received_at, waiting_since)
    values (%(id)s, %(at)s, %(at)s)
    on conflict (conversation_id) do update set
        last_received_at = greatest(one.last_received_at, excluded.last_received_at),
        waiting_since = case
            when one.answered_at >= excluded.last_received_at then one.waiting_since
            else least(one.waiting_since, excluded.last_received_at) end
"""
ANSWERED = """
    insert into waiting_conversations as one (conversation_id, answered_at) values (%(id)s, %(at)s)
    on conflict (conversation_id) do update set
        answered_at = greatest(one.answered_at, excluded.answered_at),
        waiting_since = case
            when one.waiting_since > excluded.answered_at then one.waiting_since
            when one.last_received_at > excluded.answered_at then one.last_received_at end
    returning waiting_since
"""
FORGET = """
    delete from waiting_conversations where conversation_id = %(id)s
    returning waiting_since, last_received_at, answered_at
"""
END_DOUBLES = """
    update sla_violations as one set ended_at = %(at)s
    where conversation_id = %(gone)s and ended_at is null and exists (
        select from sla_violations as other
        where other.conversation_id = %(kept)s and other.violation_type = one.violation_type
            and other.ended_at is null
    )
"""
MOVE = "update sla_violations set conversation_id = %(kept)s where conversation_id = %(gone)s"
END = """
    update sla_violations set ended_at = %(at)s,
        actual_time = greatest(actual_time, expected_time + extract(epoch from %(at)s - created_at)::int / 60)
    where conversation_id = %(id)s and ended_at is null
"""
SWEEP = """
    insert into sla_violations
        (id, conversation_id, violation_type, expected_time, actual_time, severity, notification_sent,
            created_at)
    select gen_random_uuid(), conversation_id, 'response_time', expected, waited, severity, true, %(at)s
    from (
        select conversation_id, severity, extract(epoch from %(at)s - waiting_since)::int / 60 as waited,
            case severity when 'high' then %(high)s when 'low' then %(low)s else %(medium)s end as expected
        from waiting_conversations
        cross join lateral (
            select coalesce((
                select case priority when 'urgent' then 'high' else priority end from escalations
                where escalations.conversation_id = waiting_conversations.conversation_id
                    and status in ('pending', 'assigned')
            ), 'medium') as severity
        ) as urgency
        where waiting_since <= %(at)s - make_interval(mins => %(high)s)
    ) as waiting
    where waited >= expected and not exists (
        select from sla_violations as open
        where open.conversation_id = waiting.conversation_id and violation_type = 'response_time'
            and ended_at is null
    )
    order by waited desc limit %(limit)s
    on conflict (conversation_id, violation_type) where ended_at is null do nothing
    returning conversation_id, violation_type, expected_time, actual_time, severity
"""


async def note_received(session: Session, event: messaging.MessageReceived) -> None:
    if not event.is_group:
        await session.run(RECEIVED, id=event.conversation_id, at=event.timestamp)


async def note_answered(session: Session, event: messaging.MessageSent) -> None:
    """Campaigns and reminders are no answers."""
    if event.origin in ("campaign", "reminder", "system"):
        return
    await _answered(session, event.conversation_id, event.timestamp)


async def note_closed(session: Session, event: messaging.ConversationClosed) -> None:
    await session.run(FORGET, id=event.conversation_id)
    await session.run(END, id=event.conversation_id, at=now())


async def unite(session: Session, gone: str, kept: str) -> None:
    """What was heard in the conversation that is gone counts for the one that stays."""
    heard = await session.first(FORGET, id=gone)
    await session.run(END_DOUBLES, gone=gone, kept=kept, at=now())
    await session.run(MOVE, gone=gone, kept=kept)
    if heard is None:
        return
    for moment in (heard.waiting_since, heard.last_received_at):
        if moment:
            await session.run(RECEIVED, id=kept, at=moment)
    if heard.answered_at:
        await _answered(session, kept, heard.answered_at)


async def _answered(session: Session, conversation_id: str, moment: str) -> None:
    row = await session.first(ANSWERED, id=conversation_id, at=moment)
    if row is not None and row.waiting_since is None:
        await session.run(END, id=conversation_id, at=now())


async def sweep(db: Database) -> None:
    while await _sweep(db) == BATCH:
        pass


async def _sweep(db: Database) -> int:
    """One open violation for each conversation and kind; announced once."""
    async with db.begin() as session:
        found = await session.all(SWEEP, at=now(), limit=BATCH, **EXPECTED)
        for row in found:
            await emit(
                session,
                pb.SlaViolated(
                    conversation_id=row.conversation_id,
                    violation_type=row.violation_type,
                    expected_minutes=row.expected_time,
                    actual_minutes=row.actual_time,
                    severity=row.severity,
                ),
            )
    return len(found)
