"""What happened to a lead, written down in the transaction in which it happened."""

from services.kit.clock import now
from services.kit.db import Row, Session
from services.kit.tables import new_id

STATUS = """
    insert into lead_status_history (id, lead_id, old_status, new_status, changed_by, reason, created_at)
    values (%(id)s, %(lead)s, %(old)s, %(new)s, %(by)s, %(reason)s, %(at)s)
"""
ACTIVITY = """
    insert into lead_activities (id, lead_id, user_id, activity_type, description, outcome, scheduled_for,
        old_value, new_value, metadata, created_at)
    values (%(id)s, %(lead)s, %(by)s, %(type)s, %(description)s, %(outcome)s, %(scheduled_for)s,
        %(old)s, %(new)s, %(metadata)s, %(at)s)
    returning id, lead_id, activity_type as type, activity_type, description, outcome, scheduled_for,
        completed_at, user_id as performed_by, old_value, new_value, metadata, created_at
"""
OURS = (
    "created",
    "status_change",
    "assignment",
    "value_change",
    "qualification",
    "conversation_merged",
)  # not a person's words


async def status(
    session: Session, lead: str, old: str | None, new: str, *, by: str | None, reason: str | None = None
) -> None:
    await session.run(STATUS, id=new_id(), lead=lead, old=old, new=new, by=by, reason=reason, at=now())


async def activity(
    session: Session,
    lead: str,
    type: str,
    description: str,
    *,
    by: str | None,
    outcome: str | None = None,
    scheduled_for: str | None = None,
    old: str | None = None,
    new: str | None = None,
    metadata: str = "{}",
) -> Row:
    return await session.first(
        ACTIVITY,
        id=new_id(),
        lead=lead,
        by=by,
        type=type,
        description=description,
        outcome=outcome,
        scheduled_for=scheduled_for,
        old=old,
        new=new,
        metadata=metadata,
        at=now(),
    )
