"""What people are told inside the application."""

from collections.abc import Iterable
from typing import Any

import orjson
from sqlalchemy import select

from protos import campaigns_pb2 as pb
from services.campaigns import lists
from services.campaigns.escalation_models import Notification
from services.kit import pages
from services.kit.actor import Actor
from services.kit.clock import now
from services.kit.db import Session
from services.kit.errors import NotFound
from services.kit.outbox import emit
from services.kit.pb import fill
from services.kit.tables import new_id


class NotificationNotFound(NotFound):
    """Notification not found"""


FIELDS = [field.name for field in pb.Notification.DESCRIPTOR.fields]
SHOWN = select(*(getattr(Notification, name) for name in FIELDS))

# Told again, it is unread again.
TELL = """
    insert into escalation_notifications (id, {subject}, user_id, type, payload, created_at)
    select id, %(subject)s, user_id, %(type)s, %(payload)s, %(at)s
    from unnest(%(ids)s::uuid[], %(people)s::uuid[]) as told (id, user_id)
    on conflict ({subject}, user_id, type) where {subject} is not null do update
    set payload = excluded.payload, created_at = excluded.created_at, read_at = null
    returning id, user_id
"""
READ = """
    update escalation_notifications set read_at = coalesce(read_at, %(at)s)
    where id = %(id)s and user_id = %(user)s
    returning id, escalation_id, meeting_id, user_id, type, payload, read_at, created_at
"""
FOLLOWERS = """
    select escalated_to as user_id from escalations where id = %(id)s and escalated_to is not null
    union
    select user_id from escalation_notifications where escalation_id = %(id)s and type = 'new_escalation'
        and not exists (select from escalations where id = %(id)s and escalated_to is not null)
"""


async def tell_of_escalation(
    session: Session, people: Iterable[str], kind: str, escalation_id: str, payload: dict[str, Any]
) -> None:
    await _tell(session, people, kind, "escalation_id", escalation_id, payload)


async def tell_of_meeting(
    session: Session, people: Iterable[str], kind: str, meeting_id: str, payload: dict[str, Any]
) -> None:
    await _tell(session, people, kind, "meeting_id", meeting_id, payload)


async def followers(session: Session, escalation_id: str) -> list[str]:
    """Its assignee; while there is none, everybody who was told of it."""
    return [row.user_id for row in await session.all(FOLLOWERS, id=escalation_id)]


async def list_notifications(
    session: Session, actor: Actor, request: pb.ListNotificationsRequest
) -> pb.ListNotificationsResponse:
    filtered = SHOWN.where(Notification.user_id == actor.id)
    if request.unread:
        filtered = filtered.where(Notification.read_at.is_(None))
    columns = Notification.__table__.c
    rows, pagination = await lists.read(
        session,
        filtered,
        pages.read(request),
        (columns.created_at, columns.id),
        lambda row: (row.created_at, row.id),
        descending=True,
    )
    return pb.ListNotificationsResponse(
        notifications=[fill(pb.Notification, row) for row in rows], pagination=pagination
    )


async def read(
    session: Session, actor: Actor, request: pb.ReadNotificationRequest
) -> pb.ReadNotificationResponse:
    row = await session.first(READ, id=request.id, user=actor.id, at=now())
    if row is None:
        raise NotificationNotFound
    return pb.ReadNotificationResponse(success=True, notification=fill(pb.Notification, row))


async def _tell(
    session: Session, people: Iterable[str], kind: str, subject: str, id: str, payload: dict[str, Any]
) -> None:
    told = sorted(set(people))
    rows = await session.all(
        TELL.format(subject=subject),
        subject=id,
        type=kind,
        payload=orjson.dumps(payload).decode(),
        at=now(),
        ids=[new_id() for _ in told],
        people=told,
    )
    about: dict[str, Any] = {subject: id, "type": kind}
    await emit(
        session,
        *(pb.NotificationAdded(user_id=row.user_id, notification_id=row.id, **about) for row in rows),
    )
