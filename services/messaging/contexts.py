"""A conversation as other contexts need it: never internal notes, never system markers."""

from sqlalchemy import Boolean, Integer, bindparam, or_

from protos import messaging_pb2 as pb
from services.kit.actor import Actor
from services.kit.db import Session
from services.kit.pb import fill
from services.messaging import threads
from services.messaging.conversations import whole
from services.messaging.models import Message

TURN = """
    with talk as materialized (
        select id, is_from_me, origin, timestamp from messages
        where conversation_id = %(id)s and not is_internal and message_type <> 'system' and deleted_at is null
        order by timestamp desc, id desc limit 200
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
PLACE = "select conversation_id from messages where id = %(message)s"

SAID = threads.MESSAGES.where(
    Message.conversation_id == bindparam("conversation"),
    Message.is_internal.is_(False),
    Message.message_type != "system",
    Message.deleted_at.is_(None),
    or_(Message.is_from_me.is_(False), bindparam("both", type_=Boolean)),
).limit(bindparam("most", type_=Integer))


async def get(session: Session, actor: Actor, request: pb.GetContextRequest) -> pb.ConversationContext:
    id = await _place(session, request)
    conversation, contact = await whole(session, actor, id)
    turn = await session.first(TURN, id=id)
    return fill(
        pb.ConversationContext,
        turn,
        conversation=conversation,
        contact=contact,
        messages=await _messages(session, id, request),
    )


async def _place(session: Session, request: pb.GetContextRequest) -> str:
    """Who is told of a message may ask when its conversation has become part of another."""
    if not request.message_id:
        return request.conversation_id
    return await session.scalar(PLACE, message=request.message_id) or request.conversation_id


async def _messages(session: Session, id: str, request: pb.GetContextRequest) -> list[pb.Message]:
    """The newest ones, oldest first."""
    if not request.limit:
        return []
    rows = await session.all(SAID, conversation=id, both=not request.inbound_only, most=request.limit)
    return [fill(pb.Message, row) for row in reversed(rows)]
