"""Messages of campaigns and reminders that wait for their turn: they become messages when it comes."""

from dataclasses import replace
from typing import Any

import orjson
from sqlalchemy import bindparam, select
from sqlalchemy.dialects.postgresql import insert

from protos import messaging_pb2 as pb
from services.kit.db import Row, Session
from services.kit.outbox import emit
from services.messaging import attachments, queueing
from services.messaging.models import Contact, Conversation
from services.messaging.queueing import Draft

REACHABLE = select(Contact.opt_in, Contact.deleted_at, Contact.is_active).where(
    Contact.id == bindparam("contact")
)
OPEN = (
    insert(Conversation)
    .values(instance_id=bindparam("instance"), contact_id=bindparam("contact"), status="closed")
    .on_conflict_do_nothing()
    .returning(Conversation.id)
)
BY_CONTACT = queueing.TARGET.where(Conversation.contact_id == bindparam("contact"))


async def obstacle(session: Session, row: Row) -> str | None:
    """Why it must not be sent any more; a reminder is not advertising, and does not ask for consent."""
    contact = await session.first(REACHABLE, contact=row.contact_id)
    if contact is None or contact.deleted_at is not None or not contact.is_active:
        return "contact_gone"
    if not contact.opt_in and orjson.loads(row.draft)["origin"] == "campaign":
        return "opted_out"
    return None


async def become_a_message(session: Session, row: Row) -> str:
    """In the contact's conversation, which may be the first one."""
    made = await session.scalar(OPEN, instance=row.instance_id, contact=row.contact_id)
    if made is not None:
        await emit(
            session,
            pb.ConversationCreated(
                conversation_id=made, instance_id=row.instance_id, contact_id=row.contact_id
            ),
        )
    target = await session.first(BY_CONTACT, contact=row.contact_id)
    assert target is not None, "it has just been made, and its contact is there"
    return await queueing.write(session, target, await _draft(session, row))


async def _draft(session: Session, row: Row) -> Draft:
    values: dict[str, Any] = orjson.loads(row.draft)
    draft = Draft(**values, key=row.key, correlation_id=row.correlation_id)
    if draft.media_url is None:
        return draft
    file = await attachments.described(session, draft.media_url)
    return replace(draft, media_mimetype=file.mimetype, file_name=file.name, media_size=file.size)
