"""What a lead refers to in other contexts. Outside the caller's scope it does not exist."""

from dataclasses import dataclass

from services.kit.actor import Actor
from services.kit.errors import Invalid, NotFound
from services.sales import peers


@dataclass(frozen=True)
class Linked:
    conversation_id: str | None
    contact_id: str
    sector_id: str | None
    name: str
    phone: str


async def linked(conversation_id: str | None, contact_id: str | None) -> Linked | None:
    """The conversation and contact to link a lead to; None where there is neither."""
    if conversation_id:
        return await _by_conversation(conversation_id, contact_id)
    if contact_id:
        return await _by_contact(contact_id)
    return None


async def check_assignee(actor: Actor, user: str) -> None:
    if user != actor.id and not await peers.is_eligible(user):
        raise Invalid(fields={"assignedTo": "is not an active user"})


async def _by_conversation(conversation_id: str, contact_id: str | None) -> Linked:
    try:
        context = await peers.conversation(conversation_id, messages=0)
    except NotFound:
        raise Invalid(fields={"conversationId": "does not exist"}) from None
    contact = context.contact
    if contact_id and contact_id != contact.id:
        raise Invalid(fields={"contactId": "is not the contact of this conversation"})
    sector = context.conversation.sector_id or None
    return Linked(conversation_id, contact.id, sector, contact.name.strip(), contact.phone_number)


async def _by_contact(contact_id: str) -> Linked:
    try:
        contact = await peers.contact(contact_id)
    except NotFound:
        raise Invalid(fields={"contactId": "does not exist"}) from None
    return Linked(None, contact.id, None, contact.name.strip(), contact.phone_number)
