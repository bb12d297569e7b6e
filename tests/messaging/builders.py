"""What tests of messaging say: instances, webhooks, and what they left in the tables."""

from typing import Any

import orjson
from sqlalchemy.dialects.postgresql import insert

from protos import messaging_pb2 as pb
from services.kit.actor import Actor, service
from services.kit.bus import subject
from services.kit.db import Database
from services.kit.tables import new_id
from services.messaging import changes, conversations, instances, phones, webhooks
from services.messaging.inbox import list_conversations as inbox_list
from services.messaging.inbox_models import Person
from tests.support import ADMIN, SUPERVISOR

GATEWAY = service("gateway")
MARIA_JID = "5511988887777@s.whatsapp.net"


async def make_instance(db: Database, name: str = "", api_url: str = "http://127.0.0.1:9") -> str:
    """The id of an instance that exists."""
    request = pb.CreateInstanceRequest(
        name="Atendimento",
        instance_name=name or f"wa-{new_id()}",
        api_url=api_url,
        api_key="global-key",
    )
    return (await instances.create(db, ADMIN, request)).instance.id


def envelope(event: str, instance: str, data: Any, at: str | None = None) -> bytes:
    body = {"event": event, "instance": instance, "data": data, "apikey": "invented"}
    return orjson.dumps(body | ({"date_time": at} if at else {}))


def upsert(instance: str, text: str, *, at: int = 1795459370, name: str = "Maria", **key: object) -> bytes:
    """A customer's message."""
    data = {
        "key": {"remoteJid": MARIA_JID, "fromMe": False, "id": new_id(), **key},
        "pushName": name,
        "message": {"conversation": text},
        "messageType": "conversation",
        "messageTimestamp": at,
    }
    return envelope("messages.upsert", instance, data)


async def receive(db: Database, *bodies: bytes, secret: str = "") -> list[pb.Receipt]:
    hooks = [pb.Webhook(body=body, secret=secret) for body in bodies]
    reply = await webhooks.receive(db, GATEWAY, pb.ReceiveWebhooksRequest(webhooks=hooks))
    return [*reply.receipts]


async def inbox(db: Database, **request: Any) -> list[pb.Conversation]:
    async with db.read() as session:
        asked = pb.ListConversationsRequest(limit=200, **request)
        return [*(await inbox_list(session, SUPERVISOR, asked)).conversations]


async def thread(db: Database, conversation: str) -> list[pb.Message]:
    async with db.read() as session:
        asked = pb.GetConversationRequest(id=conversation, messages_limit=500)
        return [*(await conversations.get_conversation(session, SUPERVISOR, asked)).messages]


PICTURES = {
    "instances": """
        select status, metadata::jsonb - 'x' as metadata from instances where id = %(id)s
    """,
    "contacts": """
        select phone_number, name, lid, remote_jid, profile_picture_url, is_group, opt_in, named_at
        from contacts where instance_id = %(id)s order by phone_number
    """,
    "conversations": """
        select c.phone_number, v.status, v.conversation_mode, v.unread_count, v.customer_message_count,
               v.last_message_at, v.last_message_preview, v.is_last_message_from_me, v.is_waiting, v.read_at,
               v.metadata
        from conversations v join contacts c on c.id = v.contact_id
        where v.instance_id = %(id)s order by c.phone_number
    """,
    "messages": """
        select m.message_id, c.phone_number, m.remote_jid, m.content, m.message_type, m.origin, m.is_from_me,
               m.status, m.progress, m.timestamp, m.quoted_message_id, m.media_status, m.media_filename,
               m.sender_name, m.sender_lid, m.original_content, m.edited_at, m.deleted_at is null as here,
               m.metadata - 'playedAt' as metadata
        from messages m join conversations v on v.id = m.conversation_id
        join contacts c on c.id = v.contact_id
        where m.instance_id = %(id)s order by m.message_id
    """,
    "threads": """
        select c.phone_number, m.message_id
        from messages m join conversations v on v.id = m.conversation_id
        join contacts c on c.id = v.contact_id
        where m.instance_id = %(id)s order by c.phone_number, m.timestamp, m.id
    """,
    "versions": """
        select m.message_id, e.content, e.edited_at
        from message_versions e join messages m on m.id = e.message_id
        where m.instance_id = %(id)s order by 1, 3, 2
    """,
    "reactions": """
        select m.message_id, r.reactor, r.emoji, r.is_from_me, r.reacted_at
        from reactions r join messages m on m.id = r.message_id where m.instance_id = %(id)s order by 1, 2
    """,
    "parked": """
        select distinct target, kind from parked where instance_id = %(id)s order by 1, 2
    """,
    "tallies": """
        select status, is_unread, is_waiting, sum(amount)::int as amount from tallies
        where instance_id = %(id)s group by 1, 2, 3 having sum(amount) <> 0 order by 1, 2, 3
    """,
}


async def picture(db: Database, instance: str) -> dict[str, list[dict[str, Any]]]:
    """All that is known of an instance, without the ids and times that are made here."""
    await changes.apply_what_came(db)
    async with db.read() as session:
        return {
            table: [row._asdict() for row in await session.all(sql, id=instance)]
            for table, sql in PICTURES.items()
        }


async def make_person(db: Database, actor: Actor, name: str, *, is_active: bool = True) -> str:
    """Somebody who attends, as identity would tell of them."""
    values = {
        "full_name": name,
        "role": actor.role,
        "is_active": is_active,
        "is_approved": True,
    }
    known = insert(Person).values(id=actor.id, **values)
    async with db.begin() as session:
        await session.run(known.on_conflict_do_update(index_elements=[Person.id], set_=values))
    return actor.id


def phone() -> str:
    """A Brazilian mobile that nobody else has."""
    return f"55119{int(new_id()[-8:], 16) % 20_000_000 + 80_000_000}"


async def written_by(db: Database, instance: str, number: str, text: str = "Olá", **more: Any) -> str:
    """The conversation of a customer who writes; `instance` is its name."""
    body = upsert(instance, text, remoteJid=f"{number}@s.whatsapp.net", **more)
    (receipt,) = await receive(db, body)
    assert receipt.processed, receipt
    async with db.read() as session:
        found = await session.scalar(
            "select v.id from conversations v join contacts c on c.id = v.contact_id "
            "join instances i on i.id = v.instance_id "
            "where c.phone_number = %(phone)s and i.instance_name = %(name)s",
            phone=phones.canonical(number),
            name=instance,
        )
    return str(found)


async def announced(db: Database, about: str) -> list[str]:
    """The names of the events about something, in order."""
    async with db.read() as session:
        rows = await session.all("select type from outbox where key = %(key)s order by id", key=about)
    return [subject(row.type).removeprefix("convo.messaging.") for row in rows]
