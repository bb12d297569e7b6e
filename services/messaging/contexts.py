"""A conversation as other contexts need it: never internal notes, never system markers."""

from sqlalchemy import select

from protos import messaging_pb2 as pb
from services.kit.actor import Actor
from services.kit.db import Session
from services.kit.pb import columns, fill
from services.messaging.conversations import header
from services.messaging.models import Contact, Message
from services.messaging.threads import THREAD

TURN = """
    with talk as (
        select id, is_from_me, origin, timestamp from messages
        where conversation_id = %(id)s and not is_internal and message_type <> 'system' and deleted_at is null
    )
    select
        (select max(timestamp) from talk where is_from_me and origin in ('human', 'phone'))
            as last_human_message_at,
        (select id from talk where not is_from_me order by timestamp desc, id desc limit 1)
            as last_customer_message_id,
        (select min(timestamp) from talk where not is_from_me and timestamp >
            coalesce((select max(timestamp) from talk where is_from_me), '-infinity')) as unanswered_since,
        (select customer_message_count from conversations where id = %(id)s) as customer_message_count
"""


async def get(session: Session, actor: Actor, request: pb.GetContextRequest) -> pb.ConversationContext:
    conversation = await header(session, actor, request.conversation_id)
    contact = await session.first(
        select(*columns(pb.Contact, Contact)).where(Contact.id == conversation.contact_id)
    )
    turn = await session.first(TURN, id=request.conversation_id)
    return fill(
        pb.ConversationContext,
        turn,
        conversation=conversation,
        contact=fill(pb.Contact, contact),
        messages=await _messages(session, request),
    )


async def _messages(session: Session, request: pb.GetContextRequest) -> list[pb.Message]:
    """The newest ones, oldest first."""
    if not request.limit:
        return []
    thread = THREAD.where(
        Message.conversation_id == request.conversation_id,
        Message.is_internal.is_(False),
        Message.message_type != "system",
        Message.deleted_at.is_(None),
    ).limit(request.limit)
    if request.inbound_only:
        thread = thread.where(Message.is_from_me.is_(False))
    return [fill(pb.Message, row) for row in reversed(await session.all(thread))]
