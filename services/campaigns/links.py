"""What a meeting is about, and how its contact is reached."""

from collections.abc import Collection
from dataclasses import dataclass

from protos import messaging_pb2 as messaging
from protos import sales_pb2 as sales
from services.campaigns import peers
from services.kit.errors import Invalid, NotFound

NAMES = ("lead_id", "contact_id", "conversation_id")


@dataclass(frozen=True)
class Links:
    lead_id: str | None = None
    contact_id: str | None = None
    conversation_id: str | None = None
    instance_id: str | None = None
    sector_id: str | None = None


async def resolved(
    lead_id: str | None,
    contact_id: str | None,
    conversation_id: str | None,
    *,
    known: Collection[str | None] = (),
) -> Links:
    """A lead brings its conversation and contact, a conversation its contact, a contact its instance.

    The caller must be able to see what is named; not what follows from it, or is known to be linked already.
    """
    lead = await _lead(lead_id) if lead_id and lead_id not in known else sales.Lead()
    if conversation_id and conversation_id not in known:
        return await _with_conversation(lead_id, contact_id, conversation_id)
    if follows := conversation_id or lead.conversation_id:
        with peers.in_our_own_name():
            return await _with_conversation(lead_id, contact_id, follows)
    if contact_id := contact_id or lead.contact_id or None:
        return Links(lead_id, contact_id, None, (await _contact(contact_id)).instance_id)
    return Links(lead_id)


async def _with_conversation(lead_id: str | None, contact_id: str | None, conversation_id: str) -> Links:
    request = messaging.GetContextRequest(conversation_id=conversation_id)
    try:
        conversation = (await peers.messaging.GetContext(request)).conversation
    except NotFound as error:
        raise Invalid("Conversation not found", fields={"conversationId": "does not exist"}) from error
    if contact_id and contact_id != conversation.contact_id:
        other = "is not the contact of the conversation"
        raise Invalid(f"contactId {other}", fields={"contactId": other})
    return Links(
        lead_id,
        conversation.contact_id,
        conversation_id,
        conversation.instance_id,
        conversation.sector_id or None,
    )


async def _lead(id: str) -> sales.Lead:
    reply = await peers.sales.FindLead(sales.FindLeadRequest(id=id))
    if not reply.HasField("lead"):
        raise Invalid("Lead not found", fields={"leadId": "does not exist"})
    return reply.lead


async def _contact(id: str) -> messaging.Contact:
    try:
        return await peers.messaging.GetContact(messaging.GetContactRequest(id=id))
    except NotFound as error:
        raise Invalid("Contact not found", fields={"contactId": "does not exist"}) from error
