"""What the AI agent sends: decided on first, delivered once, and recorded when it is known how it went."""

import asyncio
from datetime import timedelta

from google.protobuf.message import Message

from protos import intelligence_pb2 as pb
from protos.messaging_pb2 import DeliverRequest, DeliverResponse
from services.intelligence import examples, logs, peers, sessions, templates
from services.intelligence.drafts import Draft
from services.intelligence.turns import Turn
from services.kit.clock import now
from services.kit.db import Database
from services.kit.outbox import emit


class NotDelivered(Exception):
    """The customer did not get it, and never will."""


class TurnTaken(Exception):
    """Somebody else has the turn; the argument says who."""


async def send(db: Database, turn: Turn, draft: Draft, log_id: str) -> str:
    """The id of the message that went out."""
    ready = turn.started + timedelta(seconds=turn.agent.response_delay_seconds)
    await asyncio.sleep((ready - now()).total_seconds())
    delivered = await deliver(turn, draft.text, key=f"ai:{turn.message_id}")
    if not delivered.accepted or delivered.message.status == "failed":
        why = delivered.reason or "not_delivered"
        async with db.begin() as session:
            await logs.drop(session, log_id, "error" if delivered.accepted else "skipped", why)
        raise NotDelivered if delivered.accepted else TurnTaken(why)
    reply = delivered.message.id
    async with db.begin() as session:
        if conversation := await logs.finish(session, log_id, "response_sent", reply):
            await sessions.count_answer(session, conversation, turn.message_id, draft.intent)
            await templates.count(session, draft.template_ids)
            await examples.count(session, draft.example_ids)
            await emit(session, *_events(conversation, turn, draft, reply, log_id))
    return reply


async def deliver(turn: Turn, text: str, *, key: str) -> DeliverResponse:
    """Messaging sends a key once, and refuses when the turn is not the AI's any more."""
    return await peers.messaging.Deliver(
        DeliverRequest(
            conversation_id=turn.conversation_id,
            content=text,
            message_type="text",
            origin="ai",
            key=key,
            answers_message_id=turn.message_id,
            wait=True,
        ),
        timeout=35.0,
    )


def _events(conversation: str, turn: Turn, draft: Draft, reply: str, log_id: str) -> list[Message]:
    sent = pb.ResponseSent(
        conversation_id=conversation,
        message_id=turn.message_id,
        reply_message_id=reply,
        log_id=log_id,
    )
    used = pb.KnowledgeUsed(
        conversation_id=conversation,
        message_id=turn.message_id,
        entry_ids=[one.id for one in draft.used],
    )
    return [sent, used] if draft.used else [sent]
