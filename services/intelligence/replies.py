"""The AI agent's answers: by itself when a customer writes, or as a draft when a person asks for one."""

import asyncio
from datetime import timedelta

from protos import intelligence_pb2 as pb
from protos.messaging_pb2 import MessageReceived
from services.intelligence import (
    deliveries,
    drafts,
    escalations,
    hours,
    llm,
    logs,
    outcomes,
    schedules,
    sessions,
    turns,
)
from services.intelligence.drafts import Draft
from services.intelligence.schedules import Wish
from services.intelligence.settings import IntelligenceSettings
from services.intelligence.turns import Turn
from services.kit import context
from services.kit.actor import Actor
from services.kit.clock import now, parse
from services.kit.db import Database
from services.kit.errors import Refusal
from services.kit.log import log
from services.kit.outbox import emit
from services.kit.settings import load

ANSWERED_WITHIN = timedelta(hours=1)  # what was written earlier, and fetched after an outage, is for people
LIMIT = 50.0  # of the minute that an event may take
TRANSCRIPTION = timedelta(seconds=20)
WAITING = {"pending", "processing"}
UNKNOWING = {"low_confidence", "ai_suggested"}  # other reasons say nothing of what is known


async def answer(db: Database, event: MessageReceived) -> None:
    """Answer for the business while the conversation's mode allows it.

    Safe to repeat: the answer is keyed by the message that it answers. Of a burst only the last message
    is answered; it speaks for all of them.
    """
    if event.is_group or event.conversation_mode not in ("ai", "hybrid"):
        return
    settled = parse(event.received_at) + timedelta(seconds=load(IntelligenceSettings).ai_debounce_s)
    await asyncio.sleep((settled - now()).total_seconds())
    context.limit(LIMIT)
    turn = await _heard(db, event)
    if turn is None:
        log.info("reply_superseded", message_id=event.message_id)
        return
    is_old = turn.started - parse(event.timestamp) > ANSWERED_WITHIN
    outcome = outcomes.skipped("too_old") if is_old else await execute(db, turn)
    if outcome.skipped and not outcome.log_id:
        await _note_skip(db, turn, outcome.reason)


async def _heard(db: Database, event: MessageReceived) -> Turn | None:
    """The turn, once what was spoken is written down, or will not be soon; none where more was said.

    Who deletes the message, or writes very many after it, has said something else by now.
    """
    patience = now() + TRANSCRIPTION
    while True:
        try:
            turn = await turns.heard(db, event)
        except turns.MessageNotFound:
            return None
        if turn.thread.last_customer_message_id != event.message_id:
            return None
        target = turn.target
        if target is None or target.transcription_status not in WAITING or now() >= patience:
            return turn
        await asyncio.sleep(2)


async def respond(db: Database, actor: Actor, request: pb.RespondRequest) -> pb.RespondResponse:
    """Draft, or send, the AI agent's answer to a conversation."""
    message = request.message_id if request.HasField("message_id") else None
    turn = await turns.load(db, request.conversation_id, message)
    return await (execute(db, turn) if request.send else preview(db, turn))


async def preview(db: Database, turn: Turn) -> pb.RespondResponse:
    """A dry run: it always shows the draft, and says what would have stood in its way."""
    if reason := turns.skip_reason(turn):
        return outcomes.skipped(reason)
    draft = await drafts.write(db, turn)
    if not draft.text and draft.escalation in (None, "ai_failure"):
        raise draft.failure or _no_draft()
    reason = turns.call_for_a_person(turn) or escalations.reason(turn, draft)
    outside = turns.is_outside_hours(turn)
    sends = turn.mode == "ai" and turn.agent.auto_reply_enabled and not reason and not outside
    async with db.begin() as session:
        log_id = await logs.add(session, outcomes.entry(turn, "response_generated", draft, is_preview=True))
    shown = outcomes.shown(turn, draft, log_id)
    shown.MergeFrom(
        pb.RespondResponse(
            should_send=sends,
            escalation_recommended=reason is not None,
            escalation_reason=reason,
            outside_hours=outside,
        )
    )
    return shown


async def execute(db: Database, turn: Turn) -> pb.RespondResponse:
    """Answer, hand over to a person, or stay silent: the first check that matches decides."""
    if reason := turns.skip_reason(turn):
        return outcomes.skipped(reason)
    if turns.is_begun(turn):
        return await _resume(db, turn)
    if turns.waits_for_a_person(turn):
        return outcomes.skipped("human_mode")
    if word := turns.keyword(turn):
        return await _escalate(db, turn, "keyword_match", keyword=word)
    if turns.is_outside_hours(turn):
        await _tell_closed(db, turn)
        return outcomes.skipped("outside_hours")
    if reason := turns.call_for_a_person(turn):
        return await _escalate(db, turn, reason)
    by_rules = schedules.found_in(turn.question, turn.before, turn.local_time)
    if by_rules and by_rules.slot is not None:
        return await _pass_to_calendar(db, turn, by_rules)
    draft = await drafts.write(db, turn)
    if wish := await _wish(db, turn, draft, by_rules):
        return await _pass_to_calendar(db, turn, wish)
    if reason := escalations.reason(turn, draft):
        return await _escalate(db, turn, reason, draft=draft)
    if turn.mode == "hybrid" or not turn.agent.auto_reply_enabled:
        return await _propose(db, turn, draft)
    return await _send(db, turn, draft, await _begin(db, turn, draft))


async def _resume(db: Database, turn: Turn) -> pb.RespondResponse:
    """Finish what was decided before the process ended, with the same words."""
    record = turn.record
    assert record is not None
    if record.reason:
        return await escalations.hand_over(db, turn, record.reason, record.id, keyword=record.keyword)
    return await _send(db, turn, drafts.remembered(record), record.id)


async def _begin(db: Database, turn: Turn, draft: Draft) -> str:
    async with db.begin() as session:
        row = await sessions.opened(session, turn.conversation_id, turn.mode)
        log_id = await logs.add(session, outcomes.entry(turn, "response_generated", draft, session_id=row.id))
        generated = outcomes.generated(turn, draft, log_id, should_send=True)
        await emit(session, generated, *outcomes.gaps(turn, draft))
    return log_id


async def _send(db: Database, turn: Turn, draft: Draft, log_id: str) -> pb.RespondResponse:
    shown = outcomes.shown(turn, draft, log_id)
    try:
        reply = await deliveries.send(db, turn, draft, log_id)
    except deliveries.TurnTaken as taken:
        return outcomes.skipped(str(taken), log_id)
    except deliveries.NotDelivered:
        async with db.begin() as session:
            entry = outcomes.entry(turn, "response_generated", draft, reason="ai_failure")
            log_id = await logs.add(session, entry)
        escalation = await escalations.request_person(db, turn, "ai_failure", log_id)
        shown.MergeFrom(
            pb.RespondResponse(
                should_send=False,
                sent=False,
                escalated=True,
                reason="ai_failure",
                escalation_id=escalation,
            )
        )
        return shown
    shown.MergeFrom(pb.RespondResponse(should_send=True, sent=True, message_id=reply))
    return shown


async def _escalate(
    db: Database, turn: Turn, why: str, *, keyword: str | None = None, draft: Draft | None = None
) -> pb.RespondResponse:
    async with db.begin() as session:
        entry = outcomes.entry(turn, "response_generated", draft, reason=why, keyword=keyword)
        log_id = await logs.add(session, entry)
        if draft and why in UNKNOWING:
            await emit(session, *outcomes.gaps(turn, draft))
    return await escalations.hand_over(db, turn, why, log_id, keyword=keyword)


async def _wish(db: Database, turn: Turn, draft: Draft, by_rules: Wish | None) -> Wish | None:
    """To meet: the model says so, or the rules do and there is nothing else to answer. Not to cancel."""
    if by_rules and by_rules.intent == "cancel":
        return None
    if not draft.wants_meeting:
        return by_rules if not draft.text and not draft.failure else None
    wish = by_rules or Wish("new_meeting", schedules.LEAST)
    try:
        wish = await schedules.refined(db, wish, turn.thread.messages, turn.local_time.date()) or wish
    except Refusal as refusal:
        log.warning("scheduling_by_rules", code=refusal.name, conversation_id=turn.conversation_id)
    return wish if wish.confidence > schedules.LEAST else None


async def _pass_to_calendar(db: Database, turn: Turn, wish: Wish) -> pb.RespondResponse:
    """Who wants to meet is answered by campaigns, with times that are free."""
    async with db.begin() as session:
        log_id = await logs.add(session, outcomes.entry(turn, "skipped", reason=schedules.SKIPPED))
        await emit(session, schedules.event(wish, turn.conversation_id, turn.message_id))
    return outcomes.skipped(schedules.SKIPPED, log_id)


async def _propose(db: Database, turn: Turn, draft: Draft) -> pb.RespondResponse:
    """A draft for the person who attends; nothing is sent."""
    async with db.begin() as session:
        log_id = await logs.add(session, outcomes.entry(turn, "draft_created", draft))
        generated = outcomes.generated(turn, draft, log_id, should_send=False)
        await emit(session, generated, *outcomes.gaps(turn, draft))
    return outcomes.shown(turn, draft, log_id)


async def _tell_closed(db: Database, turn: Turn) -> None:
    """The out-of-hours message, once between a closing and the next opening."""
    agent = turn.agent
    if turn.mode != "ai" or not agent.auto_reply_enabled or not agent.out_of_hours_message:
        return
    since = hours.closed_since(agent, turn.started)
    told = turn.session.last_out_of_hours_at if turn.session else None
    if told and parse(told) >= since:
        return
    key = f"closed:{turn.conversation_id}:{since.isoformat()}"
    delivered = await deliveries.deliver(turn, agent.out_of_hours_message, key=key)
    if not delivered.accepted:
        return
    async with db.begin() as session:
        await sessions.opened(session, turn.conversation_id, turn.mode)
        await sessions.tell_closed(session, turn.conversation_id)
        await logs.add(session, outcomes.entry(turn, "out_of_hours"))


async def _note_skip(db: Database, turn: Turn, reason: str) -> None:
    async with db.begin() as session:
        await logs.add(session, outcomes.entry(turn, "skipped", reason=reason))


def _no_draft() -> Refusal:
    if llm.is_configured():
        return llm.AiUnavailable()
    return llm.AiNotConfigured(details={"capability": "respond", "mend": llm.MEND})
