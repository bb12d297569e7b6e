"""What the inbox shows of a conversation: its newest message, what is unread, whether it is open."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from services.kit.clock import now
from services.kit.db import Session

PREVIEW = 100
TAKEN_BACK = "🚫 Mensagem apagada"

COLUMNS = """
    c.id, c.instance_id, c.contact_id, c.status, c.conversation_mode, c.assigned_to, c.unread_count,
    c.customer_message_count, c.last_message_at, c.last_message_id, c.last_message_preview,
    c.is_last_message_from_me, c.read_at, c.read_id
"""
UNREAD = """
    select r.id, count(m.id) as unread
    from json_to_recordset(%(rows)s::json) as r(id uuid, read_at timestamptz, read_id uuid)
    left join messages m on m.conversation_id = r.id and not m.is_from_me and m.status = 'received'
        and (m.timestamp, m.id) > (r.read_at, r.read_id)
    group by r.id
"""
WRITE = """
    update conversations c set status = r.status, assigned_to = r.assigned_to, unread_count = r.unread_count,
        customer_message_count = r.customer_message_count, last_message_at = r.last_message_at,
        last_message_id = r.last_message_id, last_message_preview = r.last_message_preview,
        is_last_message_from_me = r.is_last_message_from_me, read_at = r.read_at, read_id = r.read_id,
        closed_at = case when r.status = 'active' then null else c.closed_at end,
        metadata = case when r.last_sender is null then c.metadata
            when r.last_sender = '{}' then c.metadata - 'last_sender'
            else c.metadata || jsonb_build_object('last_sender', r.last_sender || jsonb_build_object(
                'avatar_url', (select k.profile_picture_url from contacts k
                    where k.instance_id = c.instance_id and not k.is_group
                        and (k.phone_number = r.last_sender->>'phone' or k.lid = r.last_sender->>'lid')
                    order by k.phone_number = r.last_sender->>'phone' desc limit 1))) end,
        updated_at = %(at)s
    from json_to_recordset(%(rows)s::json) as r(id uuid, status text, assigned_to uuid, unread_count int,
        customer_message_count int, last_message_at timestamptz, last_message_id uuid,
        last_message_preview text, is_last_message_from_me boolean, read_at timestamptz, read_id uuid,
        last_sender jsonb)
    where c.id = r.id
"""


@dataclass
class Header:
    id: str
    instance_id: str
    contact_id: str
    status: str
    conversation_mode: str
    assigned_to: str | None
    unread_count: int
    customer_message_count: int
    last_message_at: str | None
    last_message_id: str | None
    last_message_preview: str | None
    is_last_message_from_me: bool
    read_at: str | None
    read_id: str | None
    is_new: bool = False
    is_reopened: bool = False
    is_answered: bool = False
    last_sender: dict[str, Any] | None = None


def fold(header: Header, row: dict[str, Any], *, is_history: bool) -> None:
    """A header after one more message: the same one whatever order they come in."""
    place = (row["timestamp"], row["id"])
    if header.last_message_at is None or place > (header.last_message_at, header.last_message_id or ""):
        header.last_message_at, header.last_message_id = place
        header.last_message_preview = row["content"][:PREVIEW]
        header.is_last_message_from_me = row["is_from_me"]
        header.last_sender = _sender(row)
    if is_history:
        return
    header.is_reopened |= header.status != "active"
    header.status = "active"
    read = (header.read_at or "", header.read_id or "")
    if not row["is_from_me"]:
        header.customer_message_count += 1
        header.unread_count += row["status"] == "received" and place > read
    elif place > read:
        header.read_at, header.read_id = place
        header.is_answered = True


def _sender(row: dict[str, Any]) -> dict[str, Any]:
    """Who of a group spoke last; nothing where it was ourselves, or is no group."""
    who = row["metadata"].get("participant")
    return {"name": row["sender_name"], "phone": who["phone"], "lid": row["sender_lid"]} if who else {}


async def write(session: Session, headers: Sequence[Header]) -> None:
    """All at once; answering from the phone has read everything before the answer."""
    answered = {header.id: header for header in headers if header.is_answered}
    if answered:
        asked = [{"id": one.id, "read_at": one.read_at, "read_id": one.read_id} for one in answered.values()]
        for row in await session.all(UNREAD, rows=orjson.dumps(asked).decode()):
            answered[row.id].unread_count = row.unread
    await session.run(WRITE, rows=orjson.dumps(headers).decode(), at=now())
