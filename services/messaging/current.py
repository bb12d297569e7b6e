"""Conversations and messages as they are at this moment: what the event stream shows, and to whom."""

from sqlalchemy import any_, bindparam, or_
from sqlalchemy.dialects.postgresql import ARRAY, UUID

from protos import messaging_pb2 as pb
from services.kit.actor import Actor
from services.kit.db import Session
from services.kit.pb import fill
from services.messaging import threads
from services.messaging.conversations import HEADER, shown
from services.messaging.models import Conversation, Message

IDS = ARRAY(UUID(as_uuid=False))

CONVERSATIONS = HEADER.where(
    or_(
        Conversation.id == any_(bindparam("conversations", type_=IDS)),
        Conversation.contact_id == any_(bindparam("contacts", type_=IDS)),
    )
)
MESSAGES = threads.MESSAGES.where(Message.id == any_(bindparam("messages", type_=IDS)))


async def get(session: Session, actor: Actor, request: pb.GetCurrentRequest) -> pb.GetCurrentResponse:
    """What is not there any more is left out."""
    conversations = await session.all(
        CONVERSATIONS, conversations=[*request.conversation_ids], contacts=[*request.contact_ids]
    )
    messages = await session.all(MESSAGES, messages=[*request.message_ids]) if request.message_ids else []
    return pb.GetCurrentResponse(
        conversations=map(shown, conversations), messages=[fill(pb.Message, row) for row in messages]
    )
