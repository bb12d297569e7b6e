"""Meetings whose attendee has left: they keep their place, and whoever made them is warned."""

from protos import identity_pb2
from services.campaigns import notifications
from services.kit.clock import now
from services.kit.db import Session

AFFECTED = """
    select id, title, scheduled_at, created_by, array(
        select user_id::text from meeting_attendees where meeting_id = meetings.id and user_id <> %(user)s
    ) as others
    from meetings join meeting_attendees on meeting_id = id and user_id = %(user)s
    where status in ('scheduled', 'confirmed') and scheduled_at > %(at)s
"""


async def warn_of_attendee(session: Session, event: identity_pb2.UserDeactivated) -> None:
    for meeting in await session.all(AFFECTED, user=event.user_id, at=now()):
        told = {meeting.created_by, *meeting.others} - {None, event.user_id}
        payload = {"absent": event.user_id, "title": meeting.title, "scheduledAt": meeting.scheduled_at}
        await notifications.tell_of_meeting(session, told, "meeting_warning", meeting.id, payload)
