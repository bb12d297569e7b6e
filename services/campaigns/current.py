"""What campaigns, escalations, meetings and notifications are at this moment: for the event stream."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ARRAY, Select, Uuid, any_, bindparam, select

from protos import campaigns_pb2 as pb
from services.campaigns import campaigns, escalations, meetings, notifications
from services.campaigns.escalation_models import Notification
from services.kit.actor import Actor
from services.kit.db import Row, Session
from services.kit.pb import fill

WANTED = any_(bindparam("ids", type_=ARRAY(Uuid(as_uuid=False))))

CAMPAIGNS = select(*campaigns.COLUMNS).where(campaigns.COLUMNS.id == WANTED)
ESCALATIONS = select(*escalations.COLUMNS).where(escalations.COLUMNS.id == WANTED)
MEETINGS = select(*meetings.COLUMNS).where(meetings.COLUMNS.id == WANTED)
NOTIFICATIONS = notifications.SHOWN.where(Notification.id == WANTED)


async def get(session: Session, actor: Actor, request: pb.GetCurrentRequest) -> pb.GetCurrentResponse:
    """What is not there any more is left out."""
    told = await _found(session, NOTIFICATIONS, request.notification_ids)
    return pb.GetCurrentResponse(
        campaigns=map(campaigns.shown, await _found(session, CAMPAIGNS, request.campaign_ids)),
        escalations=map(escalations.shown, await _found(session, ESCALATIONS, request.escalation_ids)),
        meetings=await meetings.shown(session, await _found(session, MEETINGS, request.meeting_ids)),
        notifications=[fill(pb.Notification, row) for row in told],
    )


async def _found(session: Session, statement: Select[Any], ids: Sequence[str]) -> Sequence[Row]:
    return await session.all(statement, ids=[*ids]) if ids else []
