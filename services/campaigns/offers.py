"""Times that are offered to a customer, and the meeting that comes of the one that is picked."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import orjson

from protos import campaigns_pb2 as pb
from protos import intelligence_pb2 as intelligence
from protos import messaging_pb2 as messaging
from protos import sales_pb2
from services.campaigns import booking, escalating, meetings, openings, peers, slot_texts
from services.campaigns.links import Links
from services.campaigns.meeting_changes import move
from services.campaigns.scheduling import Scheduling, scheduling_for
from services.kit.actor import service
from services.kit.clock import now, parse, rfc3339
from services.kit.db import Database, Row, Session
from services.kit.errors import NotFound, Refusal
from services.kit.log import log
from services.kit.outbox import emit

LASTS = timedelta(minutes=30)
OURSELVES = service("campaigns")

LOCK = "select * from scheduling_intents where id = %(id)s for update"
OFFER = """
    update scheduling_intents set offered_slots = %(slots)s, round = round + 1, status = %(status)s,
        selected_slot_index = null, expires_at = %(expires)s, updated_at = %(at)s,
        message_id = coalesce(%(message)s, message_id)
    where id = %(id)s returning *
"""
AWAIT = """
    update scheduling_intents set status = 'awaiting_confirmation', selected_slot_index = %(index)s,
        message_id = %(message)s, expires_at = %(expires)s, updated_at = %(at)s
    where id = %(id)s returning *
"""
CONFIRM = """
    update scheduling_intents set status = 'confirmed', selected_slot_index = %(index)s,
        message_id = %(message)s, resulting_meeting_id = %(meeting)s, updated_at = %(at)s
    where id = %(id)s returning *
"""
Wording = Callable[[Sequence[str]], str]


async def offer(db: Database, intent_id: str, wording: Wording, message_id: str | None = None) -> None:
    """Propose times to the customer where the AI agent may; otherwise leave a draft for a person."""
    async with db.read() as session:
        intent = await session.first("select * from scheduling_intents where id = %(id)s", id=intent_id)
    conversation = await _conversation(intent.conversation_id) if intent else None
    if intent is None or conversation is None:
        return
    rules, offered = await openings.find(db, intent, conversation)
    if not rules.is_enabled:
        await leave_to_people(db, intent)
        return
    by_ai = offered and rules.allow_ai_scheduling and conversation.conversation_mode == "ai"
    async with db.begin() as session:
        current = await session.first(
            OFFER,
            id=intent_id,
            slots=orjson.dumps(offered).decode(),
            status="slots_offered" if by_ai else "pending",
            expires=now() + LASTS,
            at=now(),
            message=message_id,
        )
        event = pb.SlotsOffered(conversation_id=conversation.id, intent_id=intent_id, sent=bool(by_ai))
        await emit(session, event)
    if current is None:
        return
    if by_ai:
        await _say(current, f"round:{current.round}", wording([slot["label"] for slot in offered]))
    else:
        await leave_to_people(db, current)


async def repeat(db: Database, intent: Row) -> None:
    """The event comes again: what it made us say is said again, under the same key."""
    labels = [slot["label"] for slot in orjson.loads(intent.offered_slots)]
    if intent.status == "confirmed":
        await _say_confirmed(db, intent)
    elif intent.status == "awaiting_confirmation":
        await _say_question(intent)
    elif intent.status == "slots_offered":
        await _say(intent, f"round:{intent.round}", slot_texts.offer(labels))
    elif intent.round:
        await leave_to_people(db, intent)


async def leave_to_people(db: Database, intent: Row) -> None:
    """Where the AI agent attends, nobody else looks: the customer is told, and somebody is called."""
    conversation = await _conversation(intent.conversation_id)
    if conversation is None or conversation.conversation_mode != "ai":
        return
    await _say(intent, f"people:{intent.message_id}", slot_texts.left_to_people())
    wanted = intelligence.EscalationRequested(
        conversation_id=intent.conversation_id, message_id=intent.message_id, reason="ai_suggested"
    )
    await escalating.request(db, wanted)


async def ask_again(db: Database, intent: Row, count: int, message_id: str) -> None:
    await _say(intent, f"range:{message_id}", slot_texts.out_of_range(count), answers=message_id)


async def choose(db: Database, intent: Row, index: int, message_id: str) -> None:
    """Book, or ask once more where the workspace wants that."""
    conversation = await _conversation(intent.conversation_id)
    async with db.read() as session:
        rules = await scheduling_for(session, (conversation and conversation.sector_id) or None)
    if not rules.require_confirmation:
        await book(db, intent, index, message_id)
        return
    async with db.begin() as session:
        waiting = await session.first(
            AWAIT, id=intent.id, index=index, message=message_id, expires=now() + LASTS, at=now()
        )
    if waiting is not None:
        await _say_question(waiting)


async def book(db: Database, intent: Row, index: int, message_id: str) -> None:
    """The meeting, once; if somebody else took the time meanwhile, other times."""
    conversation = await _conversation(intent.conversation_id)
    if conversation is None:
        return
    slot = orjson.loads(intent.offered_slots)[index]
    lead = await _lead(conversation)
    async with db.begin() as session:
        current = await session.first(LOCK, id=intent.id)
        if current is None or current.status not in ("slots_offered", "awaiting_confirmation"):
            return
        rules = await scheduling_for(session, conversation.sector_id or None)
        meeting = await _meeting(session, current, conversation, slot, lead, rules)
        if meeting is not None:
            values = {"index": index, "message": message_id, "meeting": meeting, "at": now()}
            current = await session.first(CONFIRM, id=intent.id, **values)
    if meeting is None:
        await offer(db, intent.id, slot_texts.offer_again, message_id)
    else:
        log.info("meeting_booked_by_customer", intent_id=intent.id, meeting_id=meeting)
        await _say_confirmed(db, current)


async def _meeting(
    session: Session,
    intent: Row,
    conversation: messaging.Conversation,
    slot: dict[str, Any],
    lead: sales_pb2.Lead | None,
    rules: Scheduling,
) -> str | None:
    """The id of the meeting, made or moved; None where nobody is free any more."""
    start, end = parse(slot["startsAt"]), parse(slot["endsAt"])
    duration = int((end - start).total_seconds() // 60)
    existing = await openings.to_move_locked(session, intent)
    if existing is not None:
        try:
            await move(session, OURSELVES, existing, start, duration)
        except booking.MeetingConflict:
            return None
        return str(existing.id)
    person = await booking.first_free(session, slot["people"], start, end)
    if person is None:
        return None
    values = {
        "title": intent.meeting_purpose or f"Reunião com {conversation.contact_name or 'cliente'}",
        "scheduled_at": rfc3339(start),
        "duration": duration,
        "meeting_type": rules.default_meeting_type,
        "source": "ai",
        "created_by": None,
    }
    links = Links(
        lead.id if lead else None,
        conversation.contact_id,
        conversation.id,
        conversation.instance_id,
        conversation.sector_id or None,
    )
    return await meetings.write(session, OURSELVES, values, links, [person], force=False)


async def _conversation(id: str) -> messaging.Conversation | None:
    try:
        return (
            await peers.messaging.GetContext(messaging.GetContextRequest(conversation_id=id))
        ).conversation
    except NotFound:
        return None


async def _lead(conversation: messaging.Conversation) -> sales_pb2.Lead | None:
    request = sales_pb2.FindLeadRequest(
        conversation_id=conversation.id, contact_id=conversation.contact_id or None
    )
    try:
        reply = await peers.sales.FindLead(request, timeout=3)
    except Refusal as refusal:
        log.warning("lead_not_known", conversation_id=conversation.id, error=type(refusal).__name__)
        return None
    return reply.lead if reply.HasField("lead") else None


async def _say_question(intent: Row) -> None:
    label = orjson.loads(intent.offered_slots)[intent.selected_slot_index]["label"]
    key = f"question:{intent.round}:{intent.selected_slot_index}"
    await _say(intent, key, slot_texts.ask_to_confirm(label), answers=intent.message_id)


async def _say_confirmed(db: Database, intent: Row) -> None:
    label = orjson.loads(intent.offered_slots)[intent.selected_slot_index]["label"]
    conversation = await _conversation(intent.conversation_id)
    async with db.read() as session:
        rules = await scheduling_for(session, (conversation and conversation.sector_id) or None)
    text = slot_texts.confirmed(label, rules.confirmation_message)
    await _say(intent, "booked", text, answers=intent.message_id)


async def _say(intent: Row, key: str, text: str, answers: str | None = None) -> None:
    """Once per key. What answers a message keeps the AI agent from answering it too, if it has not yet."""
    request = messaging.DeliverRequest(
        conversation_id=intent.conversation_id,
        content=text,
        message_type="text",
        origin="ai",
        key=f"scheduling:{intent.id}:{key}",
        answers_message_id=answers,
    )
    reply = await peers.messaging.Deliver(request)
    if not reply.accepted and answers and reply.reason == "already_answered":
        request.key += ":late"
        request.ClearField("answers_message_id")
        reply = await peers.messaging.Deliver(request)
    if not reply.accepted:
        log.warning("scheduling_not_said", intent_id=intent.id, reason=reply.reason)
