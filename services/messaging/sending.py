"""Messages that leave: stored and queued in one transaction, claimed before the call, called once."""

from dataclasses import dataclass
from datetime import timedelta

import orjson
from sqlalchemy import ColumnElement, bindparam, select, update
from sqlalchemy.dialects.postgresql import insert

from protos import messaging_pb2 as pb
from services.kit import context
from services.kit.actor import Actor
from services.kit.clock import now
from services.kit.db import Database, Row, Session
from services.kit.errors import Invalid, Upstream
from services.kit.outbox import emit
from services.kit.pb import columns, fill
from services.kit.tables import new_id
from services.messaging import instances, statuses
from services.messaging.arrivals import PREVIEW
from services.messaging.evolution import outgoing
from services.messaging.evolution.calls import CallFailed, NotSent, Unknown
from services.messaging.models import Contact, Conversation, Message, Person, Send
from services.messaging.visibility import ConversationNotFound, visible

ORPHANED_AFTER = timedelta(seconds=10)  # queued that long: whoever queued it has died before the call
LOST_AFTER = timedelta(seconds=90)  # claimed that long: the call, at most 30 s, died with its process
BATCH = 50

SHOWN = select(*columns(pb.Message, Message)).where(Message.id == bindparam("id"))
TARGET = (
    select(
        Conversation.id,
        Conversation.instance_id,
        Conversation.contact_id,
        Conversation.status,
        Conversation.conversation_mode,
        Contact.remote_jid,
        Contact.is_group,
        Contact.opt_in,
    )
    .join(Contact, Contact.id == Conversation.contact_id)
    .with_for_update(of=Conversation)
)
CLAIM = """
    update sends set state = 'dispatching', claimed_at = %(at)s
    where message_id = %(id)s and state = 'queued'
    returning message_id
"""
LOAD = """
    select m.id, m.conversation_id, m.instance_id, m.content, m.message_type, m.origin, m.sent_by,
           m.timestamp, c.id as contact_id, c.phone_number, c.lid, c.remote_jid, c.is_group, s.correlation_id
    from messages m join sends s on s.message_id = m.id
    join conversations v on v.id = m.conversation_id join contacts c on c.id = v.contact_id
    where m.id = %(id)s
"""
DROP_ECHO = """
    delete from messages
    where instance_id = %(instance)s and message_id = %(external)s and id <> %(id)s
"""
NAME = """
    update messages set message_id = %(external)s, remote_jid = coalesce(%(jid)s, remote_jid),
        status = case when status in ('sending', 'unknown', 'failed') then 'sent' else status end
    where id = %(id)s
"""
ORPHANS = """
    select message_id from sends where state = 'queued' and queued_at < %(before)s
    order by queued_at limit %(limit)s
"""
LOST = """
    select message_id from sends where state = 'dispatching' and claimed_at < %(before)s limit %(limit)s
"""
TURN = """
    select
        (select id from messages where conversation_id = %(id)s and not is_from_me and not is_internal
         order by timestamp desc, id desc limit 1) as last_customer,
        exists (select 1 from messages m, messages answered
                where answered.id = %(answers)s and m.conversation_id = %(id)s and m.is_from_me
                  and not m.is_internal and m.message_type <> 'system'
                  and m.created_at >= answered.created_at) as answered
"""


class MessageNotSent(Upstream):
    """Failed to send message"""


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to be sent, by whom and why."""

    content: str
    origin: str
    key: str | None = None
    sent_by: str | None = None
    correlation_id: str | None = None


async def send(db: Database, actor: Actor, request: pb.SendMessageRequest) -> pb.SendMessageResponse:
    """A person's message. The answer tells the outcome; a failure is stored and stays visible."""
    if not request.content:
        raise Invalid("content is required for text messages", fields={"content": "is required"})
    async with db.begin() as session:
        target = await session.first(TARGET.where(Conversation.id == request.conversation_id, visible(actor)))
        if target is None:
            raise ConversationNotFound
        content = (
            request.content if request.skip_agent_prefix else await _signed(session, actor, request.content)
        )
        draft = Draft(content, "human", key=_key(actor, request), sent_by=actor.id)
        message, _ = await queue(session, target, draft)
    failure = await dispatch(db, message)
    async with db.read() as session:
        shown = fill(pb.Message, await session.first(SHOWN, id=message))
    if failure is not None:
        raise MessageNotSent(details={"success": False, "message": failure})
    answer = orjson.dumps({"key": {"id": shown.message_id, "remoteJid": shown.remote_jid, "fromMe": True}})
    return pb.SendMessageResponse(success=True, message=shown, evolution_response=answer.decode())


async def deliver(db: Database, actor: Actor, request: pb.DeliverRequest) -> pb.DeliverResponse:
    """A service's message. The same key is sent once; an AI answer only while the turn is the AI's."""
    async with db.begin() as session:
        target = await session.first(TARGET.where(_addressed(request)))
        if target is None:
            raise ConversationNotFound
        if reason := await _refused(session, target, request):
            return pb.DeliverResponse(accepted=False, reason=reason)
        draft = Draft(
            request.content, request.origin, key=request.key, correlation_id=request.correlation_id or None
        )
        message, _ = await queue(session, target, draft)
    if request.wait:
        await dispatch(db, message)
    async with db.read() as session:
        return pb.DeliverResponse(
            accepted=True, message=fill(pb.Message, await session.first(SHOWN, id=message))
        )


def _addressed(request: pb.DeliverRequest) -> ColumnElement[bool]:
    if request.conversation_id:
        return Conversation.id == request.conversation_id
    return (Conversation.instance_id == request.instance_id) & (Conversation.contact_id == request.contact_id)


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
    return None if turn.last_customer == request.answers_message_id else "superseded"


def _key(actor: Actor, request: pb.SendMessageRequest) -> str | None:
    """What the client calls this message, or else its Idempotency-Key: not even a crash sends it twice."""
    idempotency_key, _ = context.current().idempotency or (None, None)
    name = request.client_message_id or idempotency_key
    return f"{actor.id}:{name}" if name else None


async def _signed(session: Session, actor: Actor, content: str) -> str:
    name = await session.scalar(select(Person.full_name).where(Person.id == actor.id))
    return f"*{name}*: {content}" if name else content


async def queue(session: Session, target: Row, draft: Draft) -> tuple[str, bool]:
    """The message's id, and whether it is new: a key that was used already gives its first message."""
    if draft.key:
        known = await session.scalar(select(Send.message_id).where(Send.key == draft.key))
        if known is not None:
            return known, False
    id = new_id()
    await session.run(
        insert(Message).values(
            id=id,
            conversation_id=target.id,
            instance_id=target.instance_id,
            message_id=f"local:{id}",
            remote_jid=target.remote_jid,
            content=draft.content,
            message_type="text",
            origin=draft.origin,
            is_from_me=True,
            status="sending",
            timestamp=now(),
            sent_by=draft.sent_by,
            from_bot=draft.origin == "ai",
        )
    )
    await session.run(
        insert(Send).values(
            message_id=id,
            conversation_id=target.id,
            instance_id=target.instance_id,
            key=draft.key,
            correlation_id=draft.correlation_id,
        )
    )
    await session.run(
        update(Conversation)
        .where(Conversation.id == target.id)
        .values(
            status="active",
            unread_count=0,
            last_message_at=now(),
            last_message_preview=draft.content[:PREVIEW],
            is_last_message_from_me=True,
        )
    )
    await emit(session, pb.ConversationUpdated(conversation_id=target.id, changed=["lastMessageAt"]))
    return id, True


async def dispatch(db: Database, message: str) -> str | None:
    """Call Evolution once. None when it took the message, or somebody else is at it; else what went wrong."""
    async with db.begin() as session:
        if not await session.first(CLAIM, id=message, at=now()):
            return None
        row = await session.first(LOAD, id=message)
        assert row is not None
        server = await instances.server(session, row.instance_id)
    try:
        sent = await outgoing.send_text(server, _number(row), row.content)
    except NotSent as error:
        return await _settle(db, row, "failed", error.message)
    except Unknown as error:
        return await _settle(db, row, "unknown", error.message)
    except CallFailed as error:
        return await _settle(db, row, "failed", error.message)
    async with db.begin() as session:
        await _sent(session, row, sent)
    return None


def _number(row: Row) -> str:
    """Digits for a person, the whole id for a group or for somebody whose number nobody knows."""
    if row.is_group:
        return str(row.remote_jid)
    return str(row.phone_number)


async def _sent(session: Session, row: Row, sent: outgoing.Sent) -> None:
    """Evolution took it. Its echo may have been here first: as this row, or as one that now goes."""
    await session.run(DROP_ECHO, instance=row.instance_id, external=sent.external_id, id=row.id)
    await session.run(NAME, external=sent.external_id, jid=sent.jid or None, id=row.id)
    await _finish(session, row, "sent", None)
    await emit(
        session,
        pb.MessageSent(
            conversation_id=row.conversation_id,
            message_id=row.id,
            provider_message_id=sent.external_id,
            contact_id=row.contact_id,
            instance_id=row.instance_id,
            message_type=row.message_type,
            content=row.content,
            timestamp=row.timestamp,
            origin=row.origin,
            sent_by=row.sent_by,
            correlation_id=row.correlation_id,
        ),
    )


async def _settle(db: Database, row: Row, status: str, detail: str) -> str:
    async with db.begin() as session:
        current = await session.scalar(select(Message.status).where(Message.id == row.id).with_for_update())
        await _finish(session, row, status, detail)
        if statuses.moves(current, status):
            await session.run(
                update(Message)
                .where(Message.id == row.id)
                .values(status=status, metadata_=orjson.dumps({"error": detail}).decode())
            )
            await emit(
                session,
                pb.MessageStatusChanged(
                    conversation_id=row.conversation_id,
                    message_id=row.id,
                    provider_message_id=f"local:{row.id}",
                    old_status=current,
                    status=status,
                    origin=row.origin,
                    correlation_id=row.correlation_id,
                    error=detail,
                ),
            )
    return detail


async def _finish(session: Session, row: Row, state: str, error: str | None) -> None:
    await session.run(
        update(Send).where(Send.message_id == row.id).values(state=state, error=error, finished_at=now())
    )


async def sweep(db: Database) -> None:
    """What a dead process left: queued messages go out now, claimed ones have an outcome nobody knows."""
    async with db.read() as session:
        orphans = await session.all(ORPHANS, before=now() - ORPHANED_AFTER, limit=BATCH)
        lost = await session.all(LOST, before=now() - LOST_AFTER, limit=BATCH)
        rows = [await session.first(LOAD, id=one.message_id) for one in lost]
    for row in rows:
        await _settle(db, row, "unknown", "The process that sent it died before Evolution answered.")
    for one in orphans:
        await dispatch(db, one.message_id)
