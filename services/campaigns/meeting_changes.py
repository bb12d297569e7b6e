"""Moving, confirming, completing and cancelling meetings."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, update

from protos import campaigns_pb2 as pb
from protos import messaging_pb2 as messaging
from services.campaigns import booking, links, peers, reminder_texts, workspace
from services.campaigns.links import Links
from services.campaigns.meeting_models import Meeting
from services.campaigns.meetings import (
    BLOCKING,
    TRANSITIONS,
    MeetingStatus,
    details,
    locked,
    refuse_past,
    refuse_strangers,
    visible,
)
from services.kit.actor import Actor
from services.kit.clock import now, parse, rfc3339
from services.kit.db import Database, Row, Session
from services.kit.errors import Invalid, NotFound
from services.kit.log import log
from services.kit.outbox import emit

NULLABLE = ("description", "location", "meeting_url", "notes")
REQUIRED = ("title", "scheduled_at", "duration", "meeting_type")
STAMPS = {"confirmed": "confirmed_at", "completed": "completed_at"}

CANCEL = """
    update meetings set status = 'cancelled', cancelled_at = %(at)s, cancellation_reason = %(reason)s,
        sequence = sequence + 1, updated_at = %(at)s
    where id = %(id)s
"""
ATTENDEES = "select user_id::text from meeting_attendees where meeting_id = %(id)s order by position, user_id"


async def change(db: Database, actor: Actor, request: pb.UpdateMeetingRequest) -> pb.MeetingResponse:
    """Only what the body holds."""
    changed = _changes(request)
    async with db.read() as session:
        meeting = await visible(session, actor, request.id)
        known = await _attendees(session, request.id)
    await refuse_strangers([id for id in dict.fromkeys(request.attendees) if id not in known])
    if changed.get("scheduled_at", meeting.scheduled_at) != meeting.scheduled_at:
        refuse_past(changed["scheduled_at"])
    about = await _links(request, meeting)
    async with db.begin() as session:
        meeting = await locked(session, request.id)
        if request.status == "cancelled":
            await _cancel(session, actor, meeting, None, notify=False)
        else:
            values = {**changed, **(vars(about) if about else {})}
            await _apply(session, actor, meeting, values, request)
        return pb.MeetingResponse(success=True, meeting=await details(session, request.id))


async def cancel(db: Database, actor: Actor, request: pb.CancelMeetingRequest) -> pb.MeetingResponse:
    async with db.begin() as session:
        await visible(session, actor, request.id)
        meeting = await locked(session, request.id)
        await _cancel(session, actor, meeting, request.reason or None, notify=request.notify_contact)
        return pb.MeetingResponse(success=True, meeting=await details(session, request.id))


async def tell_contact(db: Database, event: pb.MeetingCancelled) -> None:
    """Where the person who cancelled wanted the customer to know."""
    if not event.notify_contact or not (event.conversation_id or event.contact_id):
        return
    async with db.read() as session:
        meeting = await session.first(
            "select instance_id, sequence from meetings where id = %(id)s", id=event.meeting_id
        )
    if meeting is None:
        return
    text = reminder_texts.cancelled(event.title, parse(event.scheduled_at), await workspace.zone())
    request = messaging.DeliverRequest(
        conversation_id=event.conversation_id,
        instance_id=meeting.instance_id or "",
        contact_id=event.contact_id,
        content=text,
        message_type="text",
        origin="reminder",
        key=f"meeting-cancelled:{event.meeting_id}:{meeting.sequence}",
    )
    try:
        await peers.messaging.Deliver(request)
    except (NotFound, Invalid) as refusal:
        log.warning("contact_not_told", meeting_id=event.meeting_id, error=refusal.name)


async def move(session: Session, actor: Actor, meeting: Row, start: datetime, duration: int) -> None:
    """To another time, with the same people; the caller holds the row."""
    values = {"scheduled_at": rfc3339(start), "duration": duration}
    await _apply(session, actor, meeting, values, pb.UpdateMeetingRequest())


def _changes(request: pb.UpdateMeetingRequest) -> dict[str, Any]:
    """Null empties what may be empty, and leaves alone what may not."""
    named = set(request.update_mask.paths)
    values = {name: getattr(request, name) for name in REQUIRED if getattr(request, name)}
    if request.HasField("title") and not request.title:
        raise Invalid("title must not be empty", fields={"title": "is required"})
    return values | {
        name: getattr(request, name) or None for name in NULLABLE if name in named or request.HasField(name)
    }


async def _attendees(session: Session, id: str) -> list[str]:
    return [row.user_id for row in await session.all(ATTENDEES, id=id)]


async def _links(request: pb.UpdateMeetingRequest, meeting: Row) -> Links | None:
    """What it is about from now on; None where that stays. A conversation brings its own contact."""
    before = {name: getattr(meeting, name) for name in links.NAMES}
    named = {name for name in links.NAMES if name in request.update_mask.paths or request.HasField(name)}
    changed = {name: getattr(request, name) or None for name in named}
    changed = {name: value for name, value in changed.items() if value != before[name]}
    if not changed:
        return None
    wanted = before | changed
    if wanted["conversation_id"] and "contact_id" not in changed:
        wanted["contact_id"] = None
    return await links.resolved(**wanted, known=before.values())


async def _apply(
    session: Session,
    actor: Actor,
    meeting: Row,
    values: dict[str, Any],
    request: pb.UpdateMeetingRequest,
) -> None:
    before = await _attendees(session, meeting.id)
    attending = [*dict.fromkeys(request.attendees)] or before
    changed = {name: value for name, value in values.items() if value != getattr(meeting, name)}
    status = _status(meeting, request.status, moved="scheduled_at" in changed)
    start = parse(values.get("scheduled_at", meeting.scheduled_at))
    end = start + timedelta(minutes=values.get("duration", meeting.duration))
    if status in BLOCKING and (
        {"scheduled_at", "duration"} & {*changed} or attending != before or meeting.status not in BLOCKING
    ):
        await booking.book(session, actor, meeting.id, attending, start, end, force=request.force)
    elif attending != before:
        raise MeetingStatus(f"A {status} meeting keeps its attendees.")
    elif status not in BLOCKING:
        await booking.release(session, meeting.id)
    stamped = _stamped(meeting, status, moved="scheduled_at" in changed)
    await session.run(
        update(Meeting)
        .where(Meeting.id == bindparam("meeting"))
        .values(changed | stamped | {"status": status, "ends_at": end, "sequence": meeting.sequence + 1}),
        meeting=meeting.id,
    )
    names = [
        *changed,
        *(["status"] if status != meeting.status else []),
        *(["attendees"] if attending != before else []),
    ]
    await _announce(session, actor, meeting, values | {"status": status}, attending, names)


def _status(meeting: Row, wanted: str, *, moved: bool) -> str:
    """The status that follows; a meeting that is moved has to be confirmed again."""
    if moved:
        if meeting.status not in (*BLOCKING, "no_show"):
            raise MeetingStatus(f"A {meeting.status} meeting cannot be moved.")
        if wanted in ("", "scheduled", meeting.status):
            return "scheduled"
    status: str = wanted or meeting.status
    reopened = meeting.status == "confirmed" and status == "scheduled"  # only by moving it
    if reopened or (status != meeting.status and status not in TRANSITIONS.get(meeting.status, ())):
        raise MeetingStatus(f"A {meeting.status} meeting cannot become {status}.")
    return status


def _stamped(meeting: Row, status: str, *, moved: bool) -> dict[str, Any]:
    stamped: dict[str, Any] = {}
    if moved:
        stamped = {"booked_at": now(), "confirmed_at": None, "kept_open": False}
    if status != meeting.status and status in STAMPS:
        stamped[STAMPS[status]] = now()
    if meeting.status == "no_show" and status == "scheduled" and not moved:
        stamped["kept_open"] = True  # somebody knows better than the clock
    return stamped


async def _announce(
    session: Session,
    actor: Actor,
    meeting: Row,
    values: dict[str, Any],
    attending: list[str],
    names: list[str],
) -> None:
    if "scheduled_at" not in names:
        if names:
            await emit(
                session,
                pb.MeetingUpdated(
                    meeting_id=meeting.id,
                    status=values["status"],
                    changed=names,
                    conversation_id=values.get("conversation_id", meeting.conversation_id),
                    attendees=attending,
                ),
            )
        return
    await emit(
        session,
        pb.MeetingRescheduled(
            meeting_id=meeting.id,
            lead_id=values.get("lead_id", meeting.lead_id),
            contact_id=values.get("contact_id", meeting.contact_id),
            conversation_id=values.get("conversation_id", meeting.conversation_id),
            title=values.get("title", meeting.title),
            scheduled_at=values["scheduled_at"],
            previously_scheduled_at=meeting.scheduled_at,
            by=actor.id or None,
            attendees=attending,
        ),
    )


async def _cancel(session: Session, actor: Actor, meeting: Row, reason: str | None, *, notify: bool) -> None:
    if meeting.status == "cancelled":
        return
    if meeting.status not in BLOCKING:
        raise MeetingStatus(f"A {meeting.status} meeting cannot be cancelled.")
    await session.run(CANCEL, id=meeting.id, reason=reason, at=now())
    attending = await booking.release(session, meeting.id)
    await emit(
        session,
        pb.MeetingCancelled(
            meeting_id=meeting.id,
            lead_id=meeting.lead_id,
            contact_id=meeting.contact_id,
            conversation_id=meeting.conversation_id,
            title=meeting.title,
            reason=reason,
            by=actor.id or None,
            scheduled_at=meeting.scheduled_at,
            notify_contact=notify,
            attendees=attending,
        ),
    )
