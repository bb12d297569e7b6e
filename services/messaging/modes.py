"""Who answers a conversation: a person, the AI agent, or the agent when no person does."""

from sqlalchemy import select, update

from protos import messaging_pb2 as pb
from services.kit.actor import Actor
from services.kit.db import Session
from services.kit.errors import Invalid
from services.kit.outbox import emit
from services.messaging import assignments, conversations
from services.messaging.models import Conversation
from services.messaging.visibility import ConversationNotFound, visible


class InvalidMode(Invalid):
    """Invalid mode"""


async def set_mode(session: Session, actor: Actor, request: pb.SetModeRequest) -> pb.ConversationResponse:
    """From the next message on; what waits now is not answered by the AI."""
    mode = "human" if request.assume else "ai" if request.release else request.mode
    if not mode:
        raise InvalidMode(fields={"mode": "is required"})
    await change(session, actor, request.id, mode)
    if request.assume:
        await assignments.give(session, actor, request.id, actor.id, None)
    elif request.release:
        await assignments.give(session, actor, request.id, None, None)
    return pb.ConversationResponse(
        success=True, conversation=await conversations.header(session, actor, request.id)
    )


async def change(session: Session, actor: Actor, id: str, mode: str) -> None:
    old = await session.first(
        select(Conversation.conversation_mode).where(Conversation.id == id, visible(actor)).with_for_update()
    )
    if old is None:
        raise ConversationNotFound
    if old.conversation_mode == mode:
        return
    await session.run(update(Conversation).where(Conversation.id == id).values(conversation_mode=mode))
    await emit(
        session,
        pb.ConversationModeChanged(
            conversation_id=id,
            old_mode=old.conversation_mode,
            mode=mode,
            changed_by=actor.id or actor.service,
        ),
    )
