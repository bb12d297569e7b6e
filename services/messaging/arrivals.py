"""Messages that arrive: contact, conversation, message, counters and events, a batch in a few statements."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson

from protos import messaging_pb2 as pb
from services.kit.clock import now, parse, rfc3339
from services.kit.db import Row, Session
from services.kit.outbox import emit
from services.kit.tables import new_id
from services.messaging import contacts, echoes
from services.messaging.contacts import Seen
from services.messaging.inbound import Message

AHEAD = timedelta(minutes=5)  # a time further ahead than this is a clock gone wrong
REST_OF_THE_SECOND = timedelta(milliseconds=999)
PREVIEW = 100

LOCK = """
    select id, contact_id, status, conversation_mode, assigned_to, unread_count, customer_message_count,
           last_message_at, last_message_preview, is_last_message_from_me
    from conversations where contact_id = any(%(contacts)s::uuid[]) order by id for update
"""
OPEN = """
    insert into conversations (id, instance_id, contact_id, created_at, updated_at)
    select id, instance_id, contact_id, %(at)s, %(at)s
    from jsonb_to_recordset(%(rows)s::jsonb) as r(id uuid, instance_id uuid, contact_id uuid)
    order by contact_id
    on conflict do nothing returning id, instance_id, contact_id
"""
STORE = """
    insert into messages (
        id, conversation_id, instance_id, message_id, remote_jid, content, message_type, origin, is_from_me,
        status, timestamp, quoted_message_id, media_mimetype, media_filename, media_status, sender_name,
        metadata, created_at
    )
    select
        id, conversation_id, instance_id, message_id, remote_jid, content, message_type, origin, is_from_me,
        status, timestamp, quoted_message_id, media_mimetype, media_filename, media_status, sender_name,
        metadata, %(at)s
    from jsonb_to_recordset(%(rows)s::jsonb) as r(
        id uuid, conversation_id uuid, instance_id uuid, message_id text, remote_jid text, content text,
        message_type text, origin text, is_from_me boolean, status text, timestamp timestamptz,
        quoted_message_id text, media_mimetype text, media_filename text, media_status text,
        sender_name text, metadata jsonb
    )
    order by message_id
    on conflict (instance_id, message_id) do nothing returning id
"""
COUNT = """
    update conversations c set status = r.status, assigned_to = r.assigned_to, unread_count = r.unread_count,
        customer_message_count = r.customer_message_count, last_message_at = r.last_message_at,
        last_message_preview = r.last_message_preview,
        is_last_message_from_me = r.is_last_message_from_me, updated_at = %(at)s
    from jsonb_to_recordset(%(rows)s::jsonb) as r(id uuid, status text, assigned_to uuid, unread_count int,
        customer_message_count int, last_message_at timestamptz, last_message_preview text,
        is_last_message_from_me boolean)
    where c.id = r.id
"""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message on an instance; one from before the connection notifies nobody."""

    instance_id: str
    message: Message
    is_history: bool = False


async def take_in(session: Session, arrivals: Sequence[Arrival]) -> int:
    """How many were new. A repeated message touches nothing."""
    arrivals = [one for one in arrivals if not await echoes.is_ours(session, one.instance_id, one.message)]
    if not arrivals:
        return 0
    seen = [Seen(one.instance_id, one.message.chat, _push_name(one.message)) for one in arrivals]
    contact_ids = await contacts.remember(session, seen)
    conversations = await _conversations(session, arrivals, contact_ids)
    rows = [_row(one, conversations[contact].id) for one, contact in zip(arrivals, contact_ids, strict=True)]
    stored = await session.all(STORE, rows=orjson.dumps(rows).decode(), at=now())
    new = {row.id for row in stored}
    fresh = [
        (one, row, conversations[contact])
        for one, row, contact in zip(arrivals, rows, contact_ids, strict=True)
        if row["id"] in new
    ]
    await _count(session, fresh)
    return len(fresh)


async def _conversations(
    session: Session, arrivals: Sequence[Arrival], contact_ids: list[str]
) -> dict[str, Row]:
    """The conversation of each contact, locked in one order, so that two batches never wait in a ring."""
    rows = await session.all(LOCK, contacts=contact_ids)
    missing = {
        contact: one.instance_id
        for one, contact in zip(arrivals, contact_ids, strict=True)
        if contact not in {row.contact_id for row in rows}
    }
    if missing:
        wanted = [
            {"id": new_id(), "instance_id": instance, "contact_id": contact}
            for contact, instance in missing.items()
        ]
        opened = await session.all(OPEN, rows=orjson.dumps(wanted).decode(), at=now())
        await emit(
            session,
            *(
                pb.ConversationCreated(
                    conversation_id=row.id, instance_id=row.instance_id, contact_id=row.contact_id
                )
                for row in opened
            ),
        )
        rows = await session.all(LOCK, contacts=contact_ids)
    return {row.contact_id: row for row in rows}


def _push_name(message: Message) -> str | None:
    """What we send carries our own name, a group's messages a member's: neither is the contact's."""
    return None if message.from_me or message.chat.is_group else message.push_name


def _row(arrival: Arrival, conversation: str) -> dict[str, Any]:
    message = arrival.message
    return {
        "id": new_id(),
        "conversation_id": conversation,
        "instance_id": arrival.instance_id,
        "message_id": message.external_id,
        "remote_jid": message.chat.jid,
        "content": message.content,
        "message_type": message.message_type,
        "origin": "phone" if message.from_me else "customer",
        "is_from_me": message.from_me,
        "status": message.status,
        "timestamp": rfc3339(_moment(message.sent_at)),
        "quoted_message_id": message.quoted_id,
        "media_mimetype": message.media.mimetype if message.media else None,
        "media_filename": message.media.file_name if message.media else None,
        "media_status": "pending" if message.media else "none",
        "sender_name": message.push_name if message.chat.is_group else None,
        "metadata": message.metadata,
    }


def _moment(sent_at: datetime | None) -> datetime:
    """WhatsApp tells whole seconds: a message belongs behind what we sent earlier in the same second."""
    at = now()
    if sent_at is None or sent_at > at + AHEAD:
        return at
    return max(sent_at, min(at, sent_at + REST_OF_THE_SECOND)) if not sent_at.microsecond else sent_at


async def _count(session: Session, fresh: list[tuple[Arrival, dict[str, Any], Row]]) -> None:
    """Counters and previews by what was new, and its announcement, in the order of arrival."""
    states: dict[str, dict[str, Any]] = {}
    events: list[Any] = []
    for arrival, row, conversation in fresh:
        state = states.setdefault(conversation.id, conversation._asdict())
        fold(state, row, is_history=arrival.is_history)
        if not arrival.is_history:
            events.append(_announced(arrival, row, state))
    if states:
        await session.run(COUNT, rows=orjson.dumps([*states.values()]).decode(), at=now())
        await emit(session, *events)


def fold(state: dict[str, Any], row: dict[str, Any], *, is_history: bool) -> None:
    """A conversation's header after one more message. What is late never moves it back."""
    if state["last_message_at"] is None or parse(row["timestamp"]) >= parse(state["last_message_at"]):
        state["last_message_at"] = row["timestamp"]
        state["last_message_preview"] = row["content"][:PREVIEW]
        state["is_last_message_from_me"] = row["is_from_me"]
    if is_history:
        return
    state["status"] = "active"
    if row["is_from_me"]:
        state["unread_count"] = 0
    else:
        state["unread_count"] += 1
        state["customer_message_count"] += 1


def _announced(
    arrival: Arrival, row: dict[str, Any], state: dict[str, Any]
) -> pb.MessageReceived | pb.MessageSent:
    if row["is_from_me"]:
        return pb.MessageSent(
            conversation_id=row["conversation_id"],
            message_id=row["id"],
            provider_message_id=row["message_id"],
            contact_id=state["contact_id"],
            instance_id=row["instance_id"],
            message_type=row["message_type"],
            content=row["content"],
            timestamp=row["timestamp"],
            origin="phone",
        )
    return pb.MessageReceived(
        conversation_id=row["conversation_id"],
        message_id=row["id"],
        provider_message_id=row["message_id"],
        contact_id=state["contact_id"],
        instance_id=row["instance_id"],
        message_type=row["message_type"],
        content=row["content"],
        timestamp=row["timestamp"],
        is_group=arrival.message.chat.is_group,
        conversation_mode=state["conversation_mode"],
        assigned_to=state["assigned_to"],
        customer_message_count=state["customer_message_count"],
        contact_name=_push_name(arrival.message) or "",
        received_at=rfc3339(now()),
    )
