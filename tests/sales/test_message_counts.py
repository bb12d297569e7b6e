"""Every few messages of a customer, a conversation is due for qualification."""

import asyncio
from typing import Any

from protos import messaging_pb2
from protos import sales_pb2 as pb
from services.kit.db import Database, Session
from services.kit.tables import new_id
from services.sales import conversations
from tests.sales.builders import criteria, last_told, told


def received(conversation: str, **fields: Any) -> messaging_pb2.MessageReceived:
    return messaging_pb2.MessageReceived(
        **{"conversation_id": conversation, "message_id": new_id(), "contact_id": new_id()} | fields
    )


async def test_every_fifth_message_of_a_conversation_makes_it_due(session: Session) -> None:
    talk = new_id()
    events = [received(talk) for _ in range(11)]

    for event in events:
        await conversations.count(session, event)

    assert await told(session, talk) == ["QualificationDue", "QualificationDue"]
    newest = await last_told(session, talk, pb.QualificationDue)
    assert (newest.message_id, newest.contact_id) == (events[9].message_id, events[9].contact_id)


async def test_conversations_are_counted_apart(session: Session) -> None:
    one, other = new_id(), new_id()

    for talk in (one, other, one, other, one, other, one, other):
        await conversations.count(session, received(talk))

    assert await told(session, one) == []
    assert await told(session, other) == []


async def test_groups_are_not_counted(session: Session) -> None:
    talk = new_id()

    for _ in range(6):
        await conversations.count(session, received(talk, is_group=True))

    assert await told(session, talk) == []


async def test_a_sector_may_wait_for_fewer_messages(session: Session) -> None:
    talk = new_id()
    sector = await criteria(session, after=2)
    await conversations.count(session, received(talk))
    await session.run(
        "update conversation_qualification_state set sector_id = %(sector)s where conversation_id = %(talk)s",
        sector=sector,
        talk=talk,
    )

    await conversations.count(session, received(talk))

    assert await told(session, talk) == ["QualificationDue"]


async def test_a_sector_may_want_no_qualification(session: Session) -> None:
    talk = new_id()
    sector = await criteria(session, enabled=False)
    await conversations.count(session, received(talk))
    await session.run(
        "update conversation_qualification_state set sector_id = %(sector)s where conversation_id = %(talk)s",
        sector=sector,
        talk=talk,
    )

    for _ in range(6):
        await conversations.count(session, received(talk))

    assert await told(session, talk) == []


async def test_messages_that_come_at_once_are_all_counted(db: Database) -> None:
    talk = new_id()

    async def take(event: messaging_pb2.MessageReceived) -> None:
        async with db.begin() as session:
            await conversations.count(session, event)

    await asyncio.gather(*(take(received(talk)) for _ in range(10)))

    async with db.read() as session:
        assert await told(session, talk) == ["QualificationDue", "QualificationDue"]
