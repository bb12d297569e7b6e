"""A customer wants to meet: what was heard, what was answered, and what that leads to."""

from datetime import date, timedelta
from typing import Any

import orjson
from sqlalchemy import select

from protos import campaigns_pb2 as pb
from protos import intelligence_pb2 as intelligence
from protos import messaging_pb2 as messaging
from services.campaigns import lists, offers, peers, slot_texts
from services.campaigns.escalating import ConversationNotFound
from services.campaigns.meeting_models import SchedulingIntent
from services.kit import pages
from services.kit.actor import Actor
from services.kit.clock import now, parse
from services.kit.db import Database, Row
from services.kit.errors import NotFound
from services.kit.tables import new_id

CONFIDENT = 0.5
LASTS = timedelta(minutes=30)
REMEMBERED = timedelta(hours=24)  # an answer to an offer that has expired is still an answer

HEAR = """
    insert into scheduling_intents (
        id, conversation_id, message_id, intent_type, confidence, preferred_dates, time_preference,
        meeting_purpose, duration_requested, status, expires_at, created_at, updated_at
    )
    values (
        %(id)s, %(conversation)s, %(message)s, %(type)s, %(confidence)s, %(dates)s, %(part)s,
        %(purpose)s, %(duration)s, 'pending', %(expires)s, %(at)s, %(at)s
    )
    on conflict (conversation_id) where status in ('pending', 'slots_offered', 'awaiting_confirmation')
    do update set message_id = excluded.message_id, intent_type = excluded.intent_type,
        confidence = excluded.confidence, preferred_dates = excluded.preferred_dates,
        time_preference = excluded.time_preference, status = 'pending',
        meeting_purpose = coalesce(excluded.meeting_purpose, scheduling_intents.meeting_purpose),
        duration_requested = coalesce(excluded.duration_requested, scheduling_intents.duration_requested),
        expires_at = excluded.expires_at, updated_at = excluded.updated_at
    returning *
"""
LATEST = """
    select * from scheduling_intents where conversation_id = %(conversation)s and (
        status in ('pending', 'slots_offered', 'awaiting_confirmation')
        or status = 'expired' and offered_slots <> '[]' and expires_at > %(since)s
        or status = 'confirmed' and message_id = %(message)s
    )
    order by created_at desc limit 1
"""
EXPIRE = """
    update scheduling_intents set status = 'expired', updated_at = %(at)s
    where status in ('pending', 'slots_offered', 'awaiting_confirmation') and expires_at <= %(at)s
"""
COLUMNS = SchedulingIntent.__table__.c
FIELDS = [field.name for field in pb.Intent.DESCRIPTOR.fields if field.name != "offered_slots"]


async def hear(db: Database, event: intelligence.SchedulingIntentDetected) -> None:
    """What intelligence is sure enough of. To cancel is left to a person."""
    if event.confidence <= CONFIDENT:
        return
    known = await _latest(db, event.conversation_id, event.message_id)
    if known is not None and known.message_id == event.message_id and known.round:
        await offers.repeat(db, known)
        return
    if event.intent_type == "confirm_selection":
        if known is not None and event.HasField("selected_slot_index"):
            await _pick(db, known, event.selected_slot_index, event.message_id)
        return
    async with db.begin() as session:
        intent = await session.first(HEAR, **_heard(event))
    assert intent, "it is new, or the one that was open"
    if event.intent_type == "cancel":
        await offers.leave_to_people(db, intent)
    else:
        await offers.offer(db, intent.id, slot_texts.offer)


async def answer(db: Database, event: messaging.MessageReceived) -> None:
    """A number answers the offer, a yes or no the question after it; anything else is conversation."""
    if event.is_group or event.conversation_mode != "ai":
        return
    intent = await _latest(db, event.conversation_id, event.message_id)
    if intent is None:
        return
    if intent.message_id == event.message_id:
        await offers.repeat(db, intent)
        return
    if intent.status == "awaiting_confirmation" and not _expired(intent):
        await _confirm(db, intent, event)
        return
    number = slot_texts.picked(event.content)
    if number is not None and intent.status in ("slots_offered", "expired"):
        await _pick(db, intent, number - 1, event.message_id)


async def expire(db: Database) -> int:
    async with db.begin() as session:
        return await session.run(EXPIRE, at=now())


async def list_intents(db: Database, actor: Actor, request: pb.ListIntentsRequest) -> pb.ListIntentsResponse:
    """An agent asks about a conversation that she may see."""
    filtered = select(*COLUMNS)
    if not actor.leads:
        await _refuse_hidden(request.conversation_id)
    if request.conversation_id:
        filtered = filtered.where(COLUMNS.conversation_id == request.conversation_id)
    if request.status:
        filtered = filtered.where(COLUMNS.status.in_(request.status))
    async with db.read() as session:
        rows, pagination = await lists.read(
            session,
            filtered,
            pages.read(request),
            (COLUMNS.created_at, COLUMNS.id),
            lambda row: (row.created_at, row.id),
            descending=True,
        )
    return pb.ListIntentsResponse(intents=[_shown(row) for row in rows], pagination=pagination)


async def _pick(db: Database, intent: Row, index: int, message_id: str) -> None:
    offered = orjson.loads(intent.offered_slots)
    if _expired(intent):
        await offers.offer(db, intent.id, slot_texts.offer, message_id)
    elif not 0 <= index < len(offered):
        await offers.ask_again(db, intent, len(offered), message_id)
    else:
        await offers.choose(db, intent, index, message_id)


async def _confirm(db: Database, intent: Row, event: messaging.MessageReceived) -> None:
    agreed = slot_texts.agreed(event.content)
    if agreed is True:
        await offers.book(db, intent, intent.selected_slot_index, event.message_id)
    elif agreed is False:
        await offers.offer(db, intent.id, slot_texts.offer, event.message_id)


async def _latest(db: Database, conversation_id: str, message_id: str) -> Row | None:
    async with db.read() as session:
        return await session.first(
            LATEST, conversation=conversation_id, message=message_id, since=now() - REMEMBERED
        )


async def _refuse_hidden(conversation_id: str) -> None:
    try:
        await peers.messaging.GetContext(messaging.GetContextRequest(conversation_id=conversation_id))
    except NotFound as error:
        raise ConversationNotFound from error


def _expired(intent: Row) -> bool:
    return intent.status == "expired" or parse(intent.expires_at) <= now()


def _heard(event: intelligence.SchedulingIntentDetected) -> dict[str, Any]:
    return {
        "id": new_id(),
        "conversation": event.conversation_id,
        "message": event.message_id,
        "type": event.intent_type,
        "confidence": event.confidence,
        "dates": [day for day in event.preferred_dates if _is_date(day)],
        "part": event.time_preference or None,
        "purpose": event.meeting_purpose or None,
        "duration": event.duration_minutes or None,
        "expires": now() + LASTS,
        "at": now(),
    }


def _is_date(text: str) -> bool:
    try:
        return bool(date.fromisoformat(text))
    except ValueError:
        return False


def _shown(row: Row) -> pb.Intent:
    offered = [
        pb.Slot(starts_at=slot["startsAt"], ends_at=slot["endsAt"], label=slot["label"])
        for slot in orjson.loads(row.offered_slots)
    ]
    return pb.Intent(**{name: getattr(row, name) for name in FIELDS}, offered_slots=offered)
