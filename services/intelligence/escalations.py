"""Handing a conversation over to a person: the customer is told, and so are the other contexts."""

from protos import intelligence_pb2 as pb
from services.intelligence import deliveries, logs, sessions
from services.intelligence.drafts import Draft
from services.intelligence.turns import Turn
from services.kit.db import Database
from services.kit.errors import NotFound, Refusal
from services.kit.log import log
from services.kit.outbox import emit
from services.kit.tables import new_id

PRIORITIES = {"keyword_match": "high", "customer_request": "high", "negative_sentiment": "high"}


def reason(turn: Turn, draft: Draft) -> str | None:
    """Why a person should answer instead of this draft."""
    if draft.escalation:
        return draft.escalation
    if not draft.text and draft.failure:
        return "ai_failure"
    if draft.confidence < turn.agent.confidence_threshold and turn.agent.escalate_on_low_confidence:
        return "low_confidence"
    return None if draft.text else "ai_failure"


async def hand_over(
    db: Database, turn: Turn, why: str, log_id: str, *, keyword: str | None = None
) -> pb.RespondResponse:
    """Told to the customer first: once the escalation is known, the turn is a person's."""
    try:
        reply = await _tell(turn)
    except deliveries.TurnTaken as taken:
        async with db.begin() as session:
            await logs.drop(session, log_id, "skipped", str(taken))
        return pb.RespondResponse(skipped=True, reason=str(taken), log_id=log_id)
    escalation = await request_person(db, turn, why, log_id, keyword=keyword, reply=reply)
    return pb.RespondResponse(
        success=True,
        escalated=True,
        reason=why,
        escalation_id=escalation,
        response=turn.agent.handoff_message,
        should_send=False,
        sent=reply is not None,
        message_id=reply,
        conversation_mode="human",
        log_id=log_id,
    )


async def request_person(
    db: Database, turn: Turn, why: str, log_id: str, *, keyword: str | None = None, reply: str | None = None
) -> str | None:
    """The id of the escalation. Recorded and announced once, however often it is repeated."""
    async with db.begin() as session:
        conversation = await logs.finish(session, log_id, "escalated", reply)
        if conversation is None:
            return None
        await sessions.opened(session, conversation, turn.mode)
        await sessions.escalate(session, conversation, why)
        requested = _requested(conversation, turn, why, keyword)
        await emit(session, requested)
    return requested.escalation_id


async def _tell(turn: Turn) -> str | None:
    """The id of the handoff message, if one went out. Hybrid mode never sends."""
    if turn.mode != "ai" or not turn.agent.auto_reply_enabled or not turn.agent.handoff_message:
        return None
    key = f"handoff:{turn.message_id}"
    try:
        delivered = await deliveries.deliver(turn, turn.agent.handoff_message, key=key)
    except NotFound:
        raise  # the conversation has become part of another, and will be found there
    except Refusal as refusal:
        log.warning("handoff_not_told", code=refusal.name, conversation_id=turn.conversation_id)
        return None
    if not delivered.accepted:
        raise deliveries.TurnTaken(delivered.reason)
    return None if delivered.message.status == "failed" else delivered.message.id


def _requested(conversation: str, turn: Turn, why: str, keyword: str | None) -> pb.EscalationRequested:
    return pb.EscalationRequested(
        conversation_id=conversation,
        reason=why,
        keyword=keyword,
        message_id=turn.message_id,
        contact_id=turn.thread.conversation.contact_id,
        instance_id=turn.thread.conversation.instance_id,
        priority=PRIORITIES.get(why, "medium"),
        escalation_id=new_id(),
    )
