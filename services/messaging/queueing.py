"""What is to be sent: stored and queued in one transaction; the gate takes it from here."""

from dataclasses import dataclass, field
from typing import Any

import orjson
from sqlalchemy import bindparam, select, update
from sqlalchemy.dialects.postgresql import insert

from protos import messaging_pb2 as pb
from services.kit.clock import now, rfc3339
from services.kit.db import Row, Session
from services.kit.outbox import emit
from services.kit.tables import new_id
from services.messaging.headers import PREVIEW
from services.messaging.models import Contact, Conversation, Message
from services.messaging.send_models import Gate, Send
from services.messaging.words import vector

PRIORITIES = {"human": 1, "ai": 2, "system": 2, "reminder": 3, "campaign": 4}
URGENT, BULK = (1, 2), (3, 4)
ANSWERS = (
    "human",
    "ai",
)  # a campaign or a reminder does not mean that somebody attends, or has read the rest

SEEN = select(
    Conversation.id,
    Conversation.instance_id,
    Conversation.contact_id,
    Conversation.status,
    Conversation.conversation_mode,
    Conversation.last_message_at,
    Conversation.last_message_id,
    Conversation.assigned_to,
    Contact.remote_jid,
    Contact.phone_number,
    Contact.name,
    Contact.is_group,
    Contact.opt_in,
).join(Contact, Contact.id == Conversation.contact_id)
TARGET = SEEN.with_for_update(of=Conversation)
BY_ID = TARGET.where(Conversation.id == bindparam("id"))
USED = select(Send.message_id).where(Send.key == bindparam("key"))


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to be sent, by whom and why."""

    content: str
    origin: str
    message_type: str = "text"
    media_url: str | None = None
    media_mimetype: str | None = None
    file_name: str | None = None
    media_size: int | None = None
    quoted_message_id: str | None = None
    key: str | None = None
    sent_by: str | None = None
    is_supervisor_message: bool = False
    correlation_id: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)


async def used(session: Session, key: str | None) -> str | None:
    """The message that was sent under a key already."""
    return None if key is None else await session.scalar(USED, key=key)


async def queue(session: Session, target: Row, draft: Draft) -> str:
    """The id of the message: the first one of its key, or a new one. `target` is locked."""
    known = await used(session, draft.key)
    if known is not None:
        return known
    id = await write(session, target, draft)
    await session.run(insert(Gate).values(instance_id=target.instance_id).on_conflict_do_nothing())
    await session.run(
        insert(Send).values(
            message_id=id,
            contact_id=target.contact_id,
            instance_id=target.instance_id,
            key=draft.key,
            priority=PRIORITIES[draft.origin],
            correlation_id=draft.correlation_id,
            due_at=now(),
        )
    )
    return id


async def write(session: Session, target: Row, draft: Draft) -> str:
    """The message as people see it while it is on its way, and the conversation with it."""
    id, at = new_id(), now()
    await session.run(
        insert(Message).values(
            id=id,
            conversation_id=target.id,
            instance_id=target.instance_id,
            message_id=f"local:{id}",
            remote_jid=target.remote_jid,
            content=draft.content,
            words=vector(draft.content),
            message_type=draft.message_type,
            origin=draft.origin,
            is_from_me=True,
            status="sending",
            timestamp=at,
            quoted_message_id=draft.quoted_message_id,
            media_url=draft.media_url,
            media_mimetype=draft.media_mimetype,
            media_filename=draft.file_name,
            media_size=draft.media_size,
            media_status="stored" if draft.media_url else "none",
            sent_by=draft.sent_by,
            from_bot=draft.origin == "ai",
            is_supervisor_message=draft.is_supervisor_message,
            metadata_=orjson.dumps(draft.metadata).decode(),
        )
    )
    await _lead(session, target, draft, id, rfc3339(at))
    return id


async def _lead(session: Session, target: Row, draft: Draft, id: str, at: str) -> None:
    values: dict[str, Any] = {}
    if (at, id) > (target.last_message_at or "", target.last_message_id or ""):
        values |= {
            "last_message_at": at,
            "last_message_id": id,
            "last_message_preview": draft.content[:PREVIEW],
            "is_last_message_from_me": True,
        }
    if draft.origin in ANSWERS:
        values |= {"unread_count": 0, "read_at": at, "read_id": id, "status": "active", "closed_at": None}
    await session.run(update(Conversation).where(Conversation.id == target.id).values(**values))
    if target.status != "active" and draft.origin in ANSWERS:
        await emit(
            session,
            pb.ConversationReopened(
                conversation_id=target.id, trigger="agent_message", assigned_to=target.assigned_to
            ),
        )
    await emit(session, pb.ConversationUpdated(conversation_id=target.id, changed=["lastMessageAt"]))


async def say(session: Session, conversation: str, text: str, *, key: str) -> None:
    """Something that the system itself has to tell a customer."""
    target = await session.first(BY_ID, id=conversation)
    if target is not None:
        await queue(session, target, Draft(text, "system", key=key))
