"""What other services send: answers of the AI at once, campaigns and reminders through the queue."""

from typing import Any

import orjson
from sqlalchemy import ColumnElement, select

from protos import messaging_pb2 as pb
from services.kit.actor import Actor
from services.kit.clock import now
from services.kit.db import Database, Row, Session
from services.kit.errors import Invalid
from services.kit.outbox import emit
from services.kit.tables import new_id
from services.messaging import attachments, dispatching, gate, queueing, threads
from services.messaging.models import Conversation
from services.messaging.queueing import PRIORITIES, TARGET, Draft
from services.messaging.send_models import Send
from services.messaging.visibility import ConversationNotFound

MOST = 500

TURN = """
    select
        (select id from messages where conversation_id = %(id)s and not is_from_me and not is_internal
         order by timestamp desc, id desc limit 1) as last_customer,
        exists (select 1 from messages answered, lateral (
                    select * from messages where conversation_id = %(id)s
                    order by timestamp desc, id desc limit 200) m
                where answered.id = %(answers)s and m.is_from_me
                  and not m.is_internal and m.message_type <> 'system'
                  and m.created_at >= answered.created_at) as answered,
        exists (select 1 from messages answered, restores r
                where answered.id = %(answers)s and answered.timestamp <= r.restored_at) as before_restore
"""
# Many may queue at once; who cancels waits until they have committed, and sees what they queued.
TOGETHER = "select pg_advisory_xact_lock_shared(hashtext('queued keys'))"
ALONE = "select pg_advisory_xact_lock(hashtext('queued keys'))"
REFUSED = "select key from refused_keys where key = any(%(keys)s)"
GATES = """
    insert into gates (instance_id) select id from instances where id = any(%(ids)s::uuid[])
    on conflict do nothing
"""
QUEUE = """
    insert into sends (id, instance_id, contact_id, key, priority, draft, correlation_id, queued_at, due_at,
                       not_after)
    select r.id, c.instance_id, c.id, r.key, r.priority, r.draft, r.correlation_id, %(at)s,
           greatest(r.not_before, %(at)s), r.not_after
    from json_to_recordset(%(rows)s::json) as r(id uuid, instance_id uuid, contact_id uuid, key text,
        priority smallint, draft jsonb, correlation_id text, not_before timestamptz, not_after timestamptz)
    join contacts c on c.id = r.contact_id and c.instance_id = r.instance_id
    on conflict do nothing
"""
MISSING = """
    select asked.key from unnest(%(keys)s::text[]) as asked(key)
    where not exists (select 1 from sends s where s.key = asked.key)
"""
REFUSE = """
    insert into refused_keys (key, refused_at) select unnest(%(keys)s::text[]), %(at)s on conflict do nothing
"""
CANCEL = """
    update sends set state = 'cancelled', finished_at = %(at)s
    where key = any(%(keys)s) and state = 'queued' and attempts = 0
"""
NEVER_SENT = "select key from sends where key = any(%(keys)s) and state in ('cancelled', 'dropped')"


async def deliver(db: Database, actor: Actor, request: pb.DeliverRequest) -> pb.DeliverResponse:
    """A service's message. The same key is sent once; an AI answer only while the turn is the AI's."""
    async with db.begin() as session:
        target = await session.first(TARGET.where(_addressed(request)))
        if target is None:
            raise ConversationNotFound
        if reason := await _refused(session, target, request):
            return pb.DeliverResponse(accepted=False, reason=reason)
        message = await queueing.queue(session, target, _draft(request))
    gate.wake()
    if request.wait:
        await dispatching.outcome(db, message)
    async with db.read() as session:
        shown = await threads.shown(session, actor, message)
    return pb.DeliverResponse(accepted=True, message=shown)


def _addressed(request: pb.DeliverRequest) -> ColumnElement[bool]:
    if request.conversation_id:
        return Conversation.id == request.conversation_id
    return (Conversation.instance_id == request.instance_id) & (Conversation.contact_id == request.contact_id)


def _draft(request: pb.DeliverRequest) -> Draft:
    kind = request.message_type or "text"
    return Draft(
        content=request.content or attachments.LABELS.get(kind, ""),
        origin=request.origin,
        message_type=kind,
        media_url=request.media_url or None,
        key=request.key,
        correlation_id=request.correlation_id or None,
    )


async def _refused(session: Session, target: Row, request: pb.DeliverRequest) -> str | None:
    """Why this may not be sent now; decided under the conversation's lock."""
    if request.origin == "campaign" and not target.opt_in:
        return "opted_out"
    if not request.HasField("answers_message_id"):
        return None
    if await session.first(select(Send.message_id).where(Send.key == request.key)):
        return None
    if target.status != "active":
        return "conversation_closed"
    if target.conversation_mode != "ai":
        return "human_mode"
    turn = await session.first(TURN, id=target.id, answers=request.answers_message_id)
    assert turn is not None
    if turn.answered:
        return "already_answered"
    if turn.before_restore:
        return "restored"
    return None if turn.last_customer == request.answers_message_id else "superseded"


async def queue_messages(
    session: Session, actor: Actor, request: pb.QueueMessagesRequest
) -> pb.QueueMessagesResponse:
    """All of them or none; a key that is here already changes nothing. Contacts that are gone are dropped."""
    messages = [*request.messages]
    if len(messages) > MOST:
        raise Invalid(fields={"messages": f"takes at most {MOST}"})
    await session.run(TOGETHER)
    keys = [one.key for one in messages]
    refused = {row.key for row in await session.all(REFUSED, keys=keys)}
    rows = [_queued(one) for one in messages if one.key not in refused]
    await session.run(GATES, ids=sorted({one.instance_id for one in messages}))
    await session.run(QUEUE, rows=orjson.dumps(rows).decode(), at=now())
    missing = {row.key for row in await session.all(MISSING, keys=keys)} - refused
    await session.run(REFUSE, keys=sorted(missing), at=now())
    gone = [one for one in messages if one.key in missing]
    await emit(
        session,
        *(
            pb.QueuedMessageDropped(key=one.key, correlation_id=one.correlation_id, reason="contact_gone")
            for one in gone
        ),
    )
    return pb.QueueMessagesResponse(refused_keys=sorted(refused))


def _queued(message: pb.QueuedMessage) -> dict[str, Any]:
    kind = message.media_type or "text"
    draft = {
        "content": message.content or attachments.LABELS.get(kind, ""),
        "origin": message.origin,
        "message_type": kind,
        "media_url": message.media_url or None,
    }
    return {
        "id": new_id(),
        "instance_id": message.instance_id,
        "contact_id": message.contact_id,
        "key": message.key,
        "priority": PRIORITIES[message.origin],
        "draft": draft,
        "correlation_id": message.correlation_id or None,
        "not_before": message.not_before or None,
        "not_after": message.not_after or None,
    }


async def cancel_queued(
    session: Session, actor: Actor, request: pb.CancelQueuedRequest
) -> pb.CancelQueuedResponse:
    """What has not been begun is never sent, and neither is what comes under these keys later."""
    keys = [*dict.fromkeys(request.keys)]
    if len(keys) > MOST:
        raise Invalid(fields={"keys": f"takes at most {MOST}"})
    await session.run(ALONE)
    await session.run(CANCEL, keys=keys, at=now())
    unknown = [row.key for row in await session.all(MISSING, keys=keys)]
    await session.run(REFUSE, keys=unknown, at=now())
    never = [row.key for row in await session.all(NEVER_SENT, keys=keys)]
    return pb.CancelQueuedResponse(keys=sorted({*never, *unknown}))
