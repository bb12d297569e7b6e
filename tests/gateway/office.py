"""A conversation, the event stream, and people who listen."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import jwt
from google.protobuf.message import Message

from protos import messaging_pb2 as messaging
from services.kit.bus import Bus, subject
from services.kit.clock import now, rfc3339
from services.kit.tables import new_id
from tests.gateway.house import House
from tests.listening import Ear

ROWS = """
    with instance as (
        insert into instances (id, name, instance_name, provider_type, status, is_active)
        values (%(instance)s::uuid, 'Loja', %(instance)s::text, 'self_hosted', 'connected', true)
    ), contact as (
        insert into contacts (id, instance_id, remote_jid, phone_number, name)
        values (%(contact)s, %(instance)s, '5511988887777@s.whatsapp.net', '5511988887777', 'Maria')
    )
    insert into conversations (id, instance_id, contact_id) values (%(id)s, %(instance)s, %(contact)s)
"""
ASSIGN = "update conversations set assigned_to = %(person)s, updated_at = now() where id = %(id)s"
WRITE = """
    insert into messages (id, conversation_id, instance_id, message_id, remote_jid, content, message_type,
        origin, is_from_me, status, timestamp, is_internal)
    select %(id)s::uuid, id, instance_id, %(id)s::text, '', 'Oi', 'text', 'human', true, 'sent', now(),
        %(internal)s
    from conversations where id = %(conversation)s
"""


@dataclass
class Office:
    house: House
    bus: Bus
    conversation: str
    contact: str
    instance: str

    async def assign(self, person: str | None, before: str | None = None) -> None:
        await self.run(ASSIGN, person=person, id=self.conversation)
        event = messaging.ConversationAssigned(conversation_id=self.conversation)
        if before:
            event.assigned_from = before
        if person:
            event.assigned_to = person
        await self.tell(event)

    async def write(self, *, internal: bool = False) -> str:
        id = new_id()
        await self.run(WRITE, id=id, conversation=self.conversation, internal=internal)
        await self.tell(messaging.MessageSent(conversation_id=self.conversation, message_id=id))
        return id

    async def run(self, statement: str, *, of: str = "messaging", **values: Any) -> None:
        async with self.house.databases[of].begin() as session:
            await session.run(statement, **values)

    async def tell(self, event: Message) -> int:
        full_name = event.DESCRIPTOR.full_name
        headers = {"ce-id": new_id(), "ce-type": full_name, "ce-time": rfc3339(now())}
        told = await self.bus.stream.publish(subject(full_name), event.SerializeToString(), headers=headers)
        return told.seq


@asynccontextmanager
async def opened(house: House) -> AsyncIterator[Office]:
    bus = Bus(house.addresses.environment["NATS_URL"], "test")
    await bus.open()
    office = Office(house, bus, new_id(), new_id(), new_id())
    await office.run(ROWS, instance=office.instance, contact=office.contact, id=office.conversation)
    yield office
    await bus.close()


def person(token: str) -> str:
    return str(jwt.decode(token, options={"verify_signature": False})["sub"])


async def all_told(office: Office, *ears: Ear) -> None:
    """Everybody has got whatever there is: an event for all of them comes last."""
    id = new_id()
    await office.tell(messaging.InstanceStatusChanged(instance_id=id))
    for ear in ears:
        await ear.until(partial(has_heard, ear, id))


def has_heard(ear: Ear, instance: str) -> bool:
    told = ear.of("messaging.instance_status_changed")
    return any(one["instanceId"] == instance for one in told)
