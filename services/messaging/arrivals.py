"""Messages that arrive: contact, conversation, message, counters and events, a batch in a few statements."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson

from protos import messaging_pb2 as pb
from services.kit.clock import now, rfc3339
from services.kit.db import Session
from services.kit.outbox import emit
from services.kit.tables import new_id
from services.messaging import changes, contacts, echoes, headers, media, optouts, profiles, turns
from services.messaging.contacts import Seen
from services.messaging.headers import COLUMNS, Header
from services.messaging.inbound import Message
from services.messaging.optouts import Said
from services.messaging.words import vector

AHEAD = timedelta(minutes=5)  # a time further ahead than this is a clock gone wrong
REST_OF_THE_SECOND = timedelta(milliseconds=999)
ZONE_STEP = timedelta(minutes=15)  # by which time zones differ
LATEST_MOMENT = 2**48 - 1

LOCK = f"""
    select {COLUMNS} from conversations c
    where contact_id = any(%(contacts)s::uuid[]) order by id for update
"""
OPEN = f"""
    insert into conversations as c (id, instance_id, contact_id, created_at, updated_at)
    select id, instance_id, contact_id, %(at)s, %(at)s
    from json_to_recordset(%(rows)s::json) as r(id uuid, instance_id uuid, contact_id uuid)
    order by contact_id
    returning {COLUMNS}
"""
STORE = """
    insert into messages (
        id, conversation_id, instance_id, message_id, remote_jid, content, words, message_type, origin,
        is_from_me, status, progress, timestamp, quoted_message_id, media_mimetype, media_filename,
        media_size, media_status, audio_transcription, transcription_status, sender_name, sender_lid,
        metadata, created_at
    )
    select
        id, conversation_id, instance_id, message_id, remote_jid, content, words, message_type, origin,
        is_from_me, status, progress, timestamp, quoted_message_id, media_mimetype, media_filename,
        media_size, media_status, audio_transcription, transcription_status, sender_name, sender_lid,
        metadata, %(at)s
    from json_to_recordset(%(rows)s::json) as r(
        id uuid, conversation_id uuid, instance_id uuid, message_id text, remote_jid text, content text,
        words tsvector, message_type text, origin text, is_from_me boolean, status text, progress smallint,
        timestamp timestamptz, quoted_message_id text, media_mimetype text, media_filename text,
        media_size int, media_status text, audio_transcription text, transcription_status text,
        sender_name text, sender_lid text, metadata jsonb
    )
    order by message_id
    on conflict do nothing returning id
"""
# Told again with another time: the earliest counts, whichever came first. What is sent from here has its own.
REDATE = """
    with moved as (
        update messages m set timestamp = r.timestamp
        from json_to_recordset(%(rows)s::json)
            as r(instance_id uuid, message_id text, timestamp timestamptz)
        where m.instance_id = r.instance_id and m.message_id = r.message_id
          and m.origin in ('customer', 'phone') and m.timestamp - r.timestamp >= interval '1 second'
        returning m.id, m.timestamp
    )
    update conversations c set last_message_at = moved.timestamp from moved where c.last_message_id = moved.id
"""
PROGRESS = {"failed": 3, "sent": 4, "delivered": 6, "read": 7}
HANDED_OVER = 2


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message on an instance; one from before the connection notifies nobody."""

    instance_id: str
    message: Message
    told_at: datetime | None = None
    is_history: bool = False


@dataclass
class Taken:
    """What was new: where it went, the row that it became, and how many the customer had sent by then."""

    arrival: Arrival
    row: dict[str, Any]
    header: Header
    customer_message_count: int = 0


async def take_in(session: Session, arrivals: Sequence[Arrival]) -> int:
    """How many were new. A repeated message touches nothing."""
    seen = [_seen(one) for one in arrivals]
    await contacts.lock(session, [key for one in seen for key in one.keys])
    ours = [await echoes.adopted(session, one.instance_id, one.message) for one in arrivals]
    arrivals = [one for one, is_ours in zip(arrivals, ours, strict=True) if not is_ours]
    seen = [one for one, is_ours in zip(seen, ours, strict=True) if not is_ours]
    if not arrivals:
        return 0
    contact_ids, made = await contacts.remember(session, seen)
    await profiles.apply_parked(session, made)
    conversations = await _conversations(session, arrivals, contact_ids)
    taken = await _store(session, arrivals, [conversations[contact] for contact in contact_ids])
    if taken:
        await _announce(session, taken)
        await changes.apply_parked(
            session, [(one.arrival.instance_id, one.row["message_id"]) for one in taken]
        )
    return len(taken)


def _seen(arrival: Arrival) -> Seen:
    """What we send carries our own name, a group's messages a member's: neither is the contact's."""
    message = arrival.message
    name = None if message.from_me or message.chat.is_group else message.push_name
    return Seen(
        arrival.instance_id, message.chat, name, _moment(message, arrival.told_at), arrival.is_history
    )


async def _conversations(
    session: Session, arrivals: Sequence[Arrival], contact_ids: list[str]
) -> dict[str, Header]:
    """The header of each contact's conversation, locked in one order: two batches never wait in a ring."""
    rows = await session.all(LOCK, contacts=[*dict.fromkeys(contact_ids)])
    found = {row.contact_id: Header(**row._asdict()) for row in rows}
    wanted = {
        contact: {"id": new_id(), "instance_id": one.instance_id, "contact_id": contact}
        for one, contact in zip(arrivals, contact_ids, strict=True)
        if contact not in found
    }
    if wanted:
        opened = await session.all(OPEN, rows=orjson.dumps([*wanted.values()]).decode(), at=now())
        found |= {row.contact_id: Header(**row._asdict(), is_new=True) for row in opened}
    return found


async def _store(
    session: Session, arrivals: Sequence[Arrival], conversations: Sequence[Header]
) -> list[Taken]:
    rows = [_row(one, header.id) for one, header in zip(arrivals, conversations, strict=True)]
    stored = {row.id for row in await session.all(STORE, rows=orjson.dumps(rows).decode(), at=now())}
    taken = []
    for one, row, header in zip(arrivals, rows, conversations, strict=True):
        if row["id"] in stored:
            stored.discard(row["id"])  # twice in one batch is once
            taken.append(Taken(one, row, header))
    if len(taken) < len(rows):
        await session.run(REDATE, rows=orjson.dumps(rows).decode())
    await media.expect(session, [(one.row["id"], one.arrival.message) for one in taken])
    return taken


def _row(arrival: Arrival, conversation: str) -> dict[str, Any]:
    message, file = arrival.message, arrival.message.media
    sent_at = _moment(message, arrival.told_at)
    return {
        "id": named(arrival) if arrival.told_at else new_id(),
        "conversation_id": conversation,
        "instance_id": arrival.instance_id,
        "message_id": message.external_id,
        "remote_jid": message.chat.jid,
        "content": message.content,
        "words": vector(message.content),
        "message_type": message.message_type,
        "origin": "phone" if message.from_me else "customer",
        "is_from_me": message.from_me,
        "status": "read" if arrival.is_history and not message.from_me else message.status,
        "progress": HANDED_OVER if message.echo else PROGRESS.get(message.status, 0),
        "timestamp": rfc3339(sent_at),
        "quoted_message_id": message.quoted_id,
        "media_mimetype": file.mimetype if file else None,
        "media_filename": file.file_name if file else None,
        "media_size": file.size if file else None,
        "media_status": "pending" if file else "none",
        "audio_transcription": message.transcription,
        "transcription_status": "completed" if message.transcription else None,
        "sender_name": message.push_name if message.chat.is_group else None,
        "sender_lid": message.participant.lid if message.participant else None,
        "metadata": message.metadata | _participant(message),
    }


def _participant(message: Message) -> dict[str, Any]:
    who = message.participant
    return {"participant": {"jid": who.jid, "phone": who.phone}} if who else {}


def named(arrival: Arrival) -> str:
    """A message's id, made of when it was told of and what WhatsApp calls it.

    The same webhook makes the same row, and what comes in the same second stays in the order of the telling.
    """
    assert arrival.told_at, "without it the order of arrival is all there is"
    name = f"{arrival.instance_id}:{arrival.message.external_id}"
    digest = hashlib.blake2b(name.encode(), digest_size=10).digest()
    milliseconds = min(max(int(arrival.told_at.timestamp() * 1000), 0), LATEST_MOMENT)
    number = milliseconds << 80 | int.from_bytes(digest)
    number = number & ~(0xF << 76) | 0x7 << 76
    return str(UUID(int=number & ~(0x3 << 62) | 0x2 << 62))


def _moment(message: Message, told_at: datetime | None) -> datetime:
    """WhatsApp tells whole seconds. Evolution's clock, in whatever zone, tells where in the second."""
    sent_at, at = message.sent_at, now()
    if sent_at is None or sent_at > at + AHEAD:
        return at
    if sent_at.microsecond:
        return sent_at
    if told_at is None:
        return max(sent_at, min(at, sent_at + REST_OF_THE_SECOND))
    behind = (told_at - sent_at) % ZONE_STEP
    return sent_at if behind > ZONE_STEP / 2 else sent_at + min(behind, REST_OF_THE_SECOND)


async def _announce(session: Session, taken: list[Taken]) -> None:
    """Headers by what was new, who gets them, and the events."""
    for one in taken:
        headers.fold(one.header, one.row, is_history=one.arrival.is_history)
        one.customer_message_count = one.header.customer_message_count
    live = [one for one in taken if not one.arrival.is_history]
    opened = {one.header.id: one.header for one in live if one.header.is_new}
    reopened = {one.header.id: one.header for one in live if one.header.is_reopened}
    waiting = {
        one.header.id: one.header
        for one in live
        if one.header.id in opened.keys() | reopened.keys() and _is_from_a_person(one)
    }
    await turns.release_from_the_inactive(session, [*reopened.values()])
    assigned = await turns.assign(session, [*waiting.values()])
    await headers.write(session, [*{one.header.id: one.header for one in taken}.values()])
    await emit(session, *map(_opened, opened.values()), *map(_reopened, reopened.values()), *assigned)
    received_at = rfc3339(now())
    await emit(session, *(_told(one, received_at) for one in live))
    said = [Said(one.arrival.message, one.row["id"], one.row["timestamp"], one.header) for one in live]
    await optouts.hear(session, said)


def _is_from_a_person(taken: Taken) -> bool:
    message = taken.arrival.message
    return not message.from_me and not message.chat.is_group


def _opened(header: Header) -> pb.ConversationCreated:
    return pb.ConversationCreated(
        conversation_id=header.id, instance_id=header.instance_id, contact_id=header.contact_id
    )


def _reopened(header: Header) -> pb.ConversationReopened:
    trigger = "agent_message" if header.is_last_message_from_me else "customer_message"
    return pb.ConversationReopened(conversation_id=header.id, trigger=trigger, assigned_to=header.assigned_to)


def _told(taken: Taken, received_at: str) -> pb.MessageReceived | pb.MessageSent:
    row, header = taken.row, taken.header
    what = {
        "conversation_id": row["conversation_id"],
        "message_id": row["id"],
        "provider_message_id": row["message_id"],
        "contact_id": header.contact_id,
        "instance_id": row["instance_id"],
        "message_type": row["message_type"],
        "content": row["content"],
        "timestamp": row["timestamp"],
    }
    if row["is_from_me"]:
        return pb.MessageSent(**what, origin="phone")
    message = taken.arrival.message
    return pb.MessageReceived(
        **what,
        is_group=message.chat.is_group,
        conversation_mode=header.conversation_mode,
        assigned_to=header.assigned_to,
        customer_message_count=taken.customer_message_count,
        contact_name="" if message.chat.is_group else message.push_name or "",
        received_at=received_at,
    )
