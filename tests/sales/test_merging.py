"""Two conversations turn out to be with one customer."""

from typing import Any

from protos.messaging_pb2 import ConversationMerged, MessageReceived
from protos.sales_pb2 import LeadUpdated
from services.kit.db import Row, Session
from services.kit.tables import new_id
from services.sales import conversations, merging
from tests.sales.builders import last_told, lead, reread


def merged(**ids: str) -> ConversationMerged:
    names = ("conversation_id", "gone_conversation_id", "contact_id", "gone_contact_id")
    return ConversationMerged(**{name: ids.get(name) or new_id() for name in names})


async def of_the_gone(session: Session, event: ConversationMerged, **values: Any) -> Row:
    ids = {"conversation_id": event.gone_conversation_id, "contact_id": event.gone_contact_id}
    return await lead(session, **ids | values)


async def test_a_lead_follows_its_conversation_and_its_contact(session: Session) -> None:
    event = merged()
    created = await of_the_gone(session, event)
    alone = await of_the_gone(session, event, conversation_id=None)
    other = await lead(session, contact_id=new_id(), conversation_id=new_id())

    for _ in range(2):
        await merging.follow(session, event)

    after = await reread(session, created.id)
    assert (after.conversation_id, after.contact_id) == (event.conversation_id, event.contact_id)
    assert (await reread(session, alone.id)).contact_id == event.contact_id
    assert (await reread(session, other.id)).version == other.version
    told = await last_told(session, created.id, LeadUpdated)
    assert [*told.changed] == ["contact_id", "conversation_id"]


async def test_of_two_open_leads_the_second_stays_without_a_conversation(session: Session) -> None:
    event = merged()
    first = await lead(session, conversation_id=event.conversation_id, contact_id=event.contact_id)
    second = await of_the_gone(session, event)
    won = await of_the_gone(session, event, status="won")

    await merging.follow(session, event)

    assert (await reread(session, first.id)).conversation_id == event.conversation_id
    after = await reread(session, second.id)
    assert (after.conversation_id, after.contact_id) == (None, event.contact_id)
    assert (await reread(session, won.id)).conversation_id == event.conversation_id
    story = "select activity_type from lead_activities where lead_id = %(id)s order by id"
    assert [row.activity_type for row in await session.all(story, id=second.id)] == [
        "created",
        "conversation_merged",
    ]


async def test_a_conversation_that_stays_keeps_its_count(session: Session) -> None:
    talk = new_id()
    event = merged(conversation_id=talk, gone_conversation_id=talk)
    created = await of_the_gone(session, event)
    received = MessageReceived(conversation_id=talk, contact_id=event.gone_contact_id)
    await conversations.count(session, received)

    await merging.follow(session, event)

    after = await reread(session, created.id)
    assert (after.conversation_id, after.contact_id) == (talk, event.contact_id)
    counted = "select messages_since_qualification from conversation_qualification_state"
    assert await session.scalar(f"{counted} where conversation_id = %(id)s", id=talk) == 1


async def test_what_is_known_of_a_conversation_that_is_gone_goes_with_it(session: Session) -> None:
    event = merged()
    received = MessageReceived(conversation_id=event.gone_conversation_id, contact_id=new_id())
    await conversations.count(session, received)

    await merging.follow(session, event)

    known = "select 1 from conversation_qualification_state where conversation_id = %(id)s"
    assert await session.first(known, id=event.gone_conversation_id) is None
