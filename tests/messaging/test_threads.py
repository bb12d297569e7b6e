"""A conversation's messages, a page at a time."""

import pytest

from protos import messaging_pb2 as pb
from services.kit.db import Database
from services.kit.errors import Invalid
from services.kit.tables import new_id
from services.messaging import details
from services.messaging.visibility import ConversationNotFound
from tests.messaging.builders import inbox, make_instance, receive, thread, upsert
from tests.support import SUPERVISOR

AT = 1795459370


@pytest.fixture
async def conversation(db: Database) -> str:
    """Seven messages, two in each second."""
    name = f"wa-{new_id()}"
    instance = await make_instance(db, name)
    for number in range(7):
        await receive(db, upsert(name, f"texto {number}", at=AT + number // 2))
    (made,) = await inbox(db, instance_id=instance)
    return made.id


async def page(db: Database, id: str, before: str, limit: int = 3) -> pb.GetConversationResponse:
    async with db.read() as session:
        asked = pb.GetConversationRequest(id=id, before=before, messages_limit=limit)
        return await details.get(session, SUPERVISOR, asked)


async def test_older_messages_are_reached_page_by_page(db: Database, conversation: str) -> None:
    pages = [await page(db, conversation, "")]
    while pages[-1].messages_page.has_more:
        pages.append(await page(db, conversation, pages[-1].messages_page.next_before))

    found = [message.id for one in reversed(pages) for message in one.messages]
    assert [len(one.messages) for one in pages] == [3, 3, 1]
    assert found == [message.id for message in await thread(db, conversation)]


async def test_a_place_is_a_message_by_any_of_its_ids_or_a_time(db: Database, conversation: str) -> None:
    messages = await thread(db, conversation)

    by_theirs = await page(db, conversation, messages[4].message_id, limit=10)
    by_time = await page(db, conversation, messages[4].timestamp, limit=10)

    assert [one.id for one in by_theirs.messages] == [one.id for one in messages[:4]]
    assert {one.id for one in by_time.messages} <= {one.id for one in messages[:4]}


async def test_a_place_that_is_nowhere_is_refused(db: Database, conversation: str) -> None:
    with pytest.raises(Invalid):
        await page(db, conversation, new_id())
    with pytest.raises(ConversationNotFound):
        await page(db, new_id(), new_id())
