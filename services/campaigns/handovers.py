"""What an escalation does to its conversation in messaging.

Each step leaves a mark when it is done. The event of the same change repeats it until the mark is there, so a
caller may try at once and need not care whether messaging was there.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from google.protobuf.message import Message

from protos import campaigns_pb2 as pb
from protos import messaging_pb2 as messaging
from services.campaigns import peers
from services.campaigns.escalations import ACTIVE, EscalationNotFound, read
from services.kit.clock import now
from services.kit.db import Database, Row
from services.kit.errors import DeadlineExceeded, Invalid, NotFound, Unavailable
from services.kit.log import log

SILENCED = "update escalations set taken_over_at = %(at)s where id = %(id)s"
HANDED_OVER = """
    update escalations set handed_over_at = %(at)s
    where id = %(id)s and escalated_to = %(to)s and assigned_at = %(since)s
"""
RETURNED = "update escalations set returned_at = %(at)s where id = %(id)s"
REASON = "Escalonamento"


async def hand_over(db: Database, event: pb.EscalationAssigned) -> None:
    await give_conversation(db, event.escalation_id)


async def give_back(db: Database, event: pb.EscalationResolved) -> None:
    if event.returned_to_ai:
        await return_to_ai(db, event.escalation_id)


async def soon(step: Awaitable[None]) -> None:
    """Now, if messaging is there and knows whom we mean; otherwise when its event comes."""
    try:
        await step
    except (Unavailable, DeadlineExceeded, Invalid) as error:
        log.warning("handover_waits", error=type(error).__name__)


async def silence_ai(db: Database, id: str) -> None:
    """A person answers from now on. Once: whoever switches back later has decided so."""
    escalation = await _read(db, id)
    if escalation is None or escalation.status not in ACTIVE or escalation.taken_over_at:
        return
    await _set_mode(escalation.conversation_id, "human")
    async with db.begin() as session:
        await session.run(SILENCED, id=id, at=now())


async def give_conversation(db: Database, id: str) -> None:
    """The assignee gets the conversation; a later assignment is not overruled by an earlier one."""
    escalation = await _read(db, id)
    if escalation is None or escalation.status != "assigned" or escalation.handed_over_at:
        return
    await _assign(escalation.conversation_id, escalation.escalated_to)
    async with db.begin() as session:
        await session.run(
            HANDED_OVER, id=id, at=now(), to=escalation.escalated_to, since=escalation.assigned_at
        )


async def return_to_ai(db: Database, id: str) -> None:
    escalation = await _read(db, id)
    if escalation is None or escalation.status != "resolved" or escalation.returned_at:
        return
    await _assign(escalation.conversation_id, None)
    await _set_mode(escalation.conversation_id, "ai")
    async with db.begin() as session:
        await session.run(RETURNED, id=id, at=now())


async def _set_mode(conversation_id: str, mode: str) -> None:
    await _ask(peers.messaging.SetMode, messaging.SetModeRequest(id=conversation_id, mode=mode))


async def _assign(conversation_id: str, user_id: str | None) -> None:
    request = messaging.AssignConversationRequest(id=conversation_id, assigned_to=user_id, reason=REASON)
    await _ask(peers.messaging.AssignConversation, request)


async def _ask(call: Callable[[Any], Awaitable[object]], request: Message) -> None:
    """In our own name; of a conversation that is gone nothing is asked again."""
    try:
        with peers.in_our_own_name():
            await call(request)
    except NotFound as refusal:
        log.warning("handover_refused", error=refusal.name)


async def _read(db: Database, id: str) -> Row | None:
    try:
        async with db.read() as session:
            return await read(session, id)
    except EscalationNotFound:
        return None
