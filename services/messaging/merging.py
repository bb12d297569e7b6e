"""Two contacts turn out to be one person: what belongs to the one moves to the other."""

from typing import Any

import orjson
from sqlalchemy import delete, select, update

from protos import messaging_pb2 as pb
from services.kit.db import Row, Session
from services.kit.outbox import emit
from services.messaging.models import Contact, Conversation

HEADERS = """
    select id, contact_id, status, conversation_mode, assigned_to, category, subcategory, current_sentiment,
           customer_message_count, last_message_at, last_message_id, last_message_preview,
           is_last_message_from_me, read_at, read_id, closed_at, sector_id, metadata
    from conversations where contact_id = any(%(contacts)s::uuid[]) order by id for update
"""
MOVE = "update {table} set conversation_id = %(kept)s where conversation_id = %(gone)s"
MOVE_SENDS = "update sends set contact_id = %(kept)s where contact_id = %(gone)s"
MOVED = ("messages", "notes", "conversation_assignments")
UNREAD = """
    select count(*) from messages
    where conversation_id = %(id)s and not is_from_me and status = 'received'
      and (timestamp, id) > (coalesce(%(read_at)s, '-infinity')::timestamptz,
                             coalesce(%(read_id)s, '00000000-0000-0000-0000-000000000000')::uuid)
"""
LATEST = ("last_message_at", "last_message_id", "last_message_preview", "is_last_message_from_me")
SETTLED = ("assigned_to", "category", "subcategory", "current_sentiment", "sector_id")


async def merge(session: Session, *, kept: str, gone: str) -> None:
    """Messages, notes, history and sends move; the contact that stays learns what the other one knew."""
    rows = {row.contact_id: row for row in await session.all(HEADERS, contacts=[kept, gone])}
    await session.run(MOVE_SENDS, kept=kept, gone=gone)
    if gone in rows and kept not in rows:
        await session.run(update(Conversation).where(Conversation.contact_id == gone).values(contact_id=kept))
    if gone in rows and kept in rows:
        await _merge_conversations(session, rows[kept], rows[gone])
    await _merge_contacts(session, kept, gone)
    if gone in rows:
        await emit(
            session,
            pb.ConversationMerged(
                conversation_id=rows.get(kept, rows[gone]).id,
                gone_conversation_id=rows[gone].id,
                contact_id=kept,
                gone_contact_id=gone,
            ),
        )


async def _merge_conversations(session: Session, kept: Row, gone: Row) -> None:
    for table in MOVED:
        await session.run(MOVE.format(table=table), kept=kept.id, gone=gone.id)
    values = merged(kept._asdict(), gone._asdict())
    values["unread_count"] = await session.scalar(
        UNREAD, id=kept.id, read_at=values["read_at"], read_id=values["read_id"]
    )
    await session.run(delete(Conversation).where(Conversation.id == gone.id))
    await session.run(update(Conversation).where(Conversation.id == kept.id).values(**values))


def merged(kept: dict[str, Any], gone: dict[str, Any]) -> dict[str, Any]:
    """The header of both threads together: the newest message, the furthest place read, the sum of counts."""
    newest = max(kept, gone, key=lambda one: (one["last_message_at"] or "", one["last_message_id"] or ""))
    furthest = max(kept, gone, key=lambda one: (one["read_at"] or "", one["read_id"] or ""))
    is_open = "active" in (kept["status"], gone["status"])
    return {
        **{name: newest[name] for name in LATEST},
        **{name: kept[name] or gone[name] for name in SETTLED},
        "metadata_": orjson.dumps(orjson.loads(gone["metadata"]) | orjson.loads(kept["metadata"])).decode(),
        "read_at": furthest["read_at"],
        "read_id": furthest["read_id"],
        "status": "active" if is_open else kept["status"],
        "closed_at": None if is_open else kept["closed_at"],
        "conversation_mode": kept["conversation_mode"]
        if kept["last_message_at"]
        else gone["conversation_mode"],
        "customer_message_count": kept["customer_message_count"] + gone["customer_message_count"],
    }


async def _merge_contacts(session: Session, kept: str, gone: str) -> None:
    columns = (
        Contact.id,
        Contact.notes,
        Contact.email,
        Contact.opt_in,
        Contact.opt_in_updated_at,
        Contact.profile_picture_url,
        Contact.picture_told_at,
        Contact.metadata_,
    )
    rows = await session.all(select(*columns).where(Contact.id.in_([kept, gone])).with_for_update())
    by_id = {row.id: row for row in rows}
    stays, goes = by_id[kept], by_id[gone]
    said = max(stays, goes, key=lambda one: one.opt_in_updated_at or "")
    shown = max(stays, goes, key=lambda one: (one.picture_told_at or "", one.profile_picture_url or ""))
    notes = "\n".join(text for text in (stays.notes, goes.notes) if text)
    await session.run(delete(Contact).where(Contact.id == gone))
    await session.run(
        update(Contact)
        .where(Contact.id == kept)
        .values(
            notes=notes or None,
            metadata_=orjson.dumps(_known(stays.metadata, goes.metadata)).decode(),
            email=stays.email or goes.email,
            opt_in=said.opt_in,
            opt_in_updated_at=said.opt_in_updated_at,
            profile_picture_url=shown.profile_picture_url,
            picture_told_at=shown.picture_told_at,
        )
    )


def _known(stays: str, goes: str) -> dict[str, Any]:
    """What people noted of both; whose name it is that they locked: see contacts.People."""
    ours, theirs = orjson.loads(stays), orjson.loads(goes)
    tags = dict.fromkeys([*ours.get("tags", ()), *theirs.get("tags", ())])
    return {**theirs, **ours, **({"tags": [*tags]} if tags else {})}
