"""Conversations that we begin: with a phone number, whether or not anybody has heard of it."""

import orjson
from sqlalchemy import literal, select, update
from sqlalchemy.dialects.postgresql import JSONB, insert

from protos import messaging_pb2 as pb
from services.kit.actor import Actor
from services.kit.db import Session
from services.kit.errors import Conflict, Invalid
from services.kit.outbox import emit
from services.messaging import contacts, conversations, phones, profiles
from services.messaging.contacts import Seen
from services.messaging.inbound import Chat
from services.messaging.models import Contact, Conversation, Instance
from services.messaging.visibility import ConversationNotFound

SHORTEST = 8


class AttendedByAnother(Conflict):
    """A colleague attends this customer."""

    code = "attended_by_another"


async def start(
    session: Session, actor: Actor, request: pb.StartConversationRequest
) -> pb.ConversationResponse:
    """201 where it is new, 200 where it was there."""
    if not await session.first(select(Instance.id).where(Instance.id == request.instance_id)):
        raise Invalid(fields={"instanceId": "does not exist"})
    phone = phones.typed(request.phone_number)
    if len(phone) < SHORTEST:
        raise Invalid(fields={"phoneNumber": "is no phone number"})
    contact = await _contact(session, actor, request, phone)
    made = await session.scalar(
        insert(Conversation)
        .values(instance_id=request.instance_id, contact_id=contact)
        .on_conflict_do_nothing()
        .returning(Conversation.id)
    )
    if made:
        event = pb.ConversationCreated(
            conversation_id=made, instance_id=request.instance_id, contact_id=contact
        )
        await emit(session, event)
    id = made or await session.scalar(select(Conversation.id).where(Conversation.contact_id == contact))
    try:
        shown = await conversations.header(session, actor, id)
    except ConversationNotFound as error:
        raise AttendedByAnother from error
    return pb.ConversationResponse(success=True, conversation=shown, http_status=201 if made else 200)


async def _contact(session: Session, actor: Actor, request: pb.StartConversationRequest, phone: str) -> str:
    seen = Seen(request.instance_id, Chat(jid=f"{phone}@s.whatsapp.net", phone=phone))
    await contacts.lock(session, seen.keys)
    (id,), made = await contacts.remember(session, [seen])
    await profiles.apply_parked(session, made)
    row = await session.first(select(Contact.name).where(Contact.id == id).with_for_update())
    assert row is not None, "it has just been remembered"
    values = {"source": "manual", "created_by": actor.id or None} if made else {}
    if request.contact_name and contacts.is_numeric(row.name):
        values["name"] = request.contact_name
        values["metadata_"] = Contact.metadata_.concat(  # type: ignore[assignment]
            literal(orjson.dumps({"nameLocked": True}).decode(), JSONB)
        )
    if values:
        await session.run(update(Contact).where(Contact.id == id).values(**values))
    return id
