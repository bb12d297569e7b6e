"""A lead and the conversation it is linked to."""

import pytest

from services.kit.db import Database
from services.kit.errors import Invalid
from services.kit.tables import new_id
from services.sales import changes
from services.sales.changes import AlreadyLinked
from tests.sales.builders import changing, conversation, stored
from tests.sales.neighbours import Neighbours
from tests.support import MARIA


async def test_a_lead_is_linked_to_a_conversation_and_its_contact(
    db: Database, neighbours: Neighbours
) -> None:
    known = conversation(neighbours)
    before = await stored(db)

    after = (await changes.update(db, MARIA, changing(before.id, conversation_id=known.conversation.id))).lead

    assert (after.conversation_id, after.contact_id) == (known.conversation.id, known.contact.id)


async def test_a_link_to_nothing_is_refused(db: Database, neighbours: Neighbours) -> None:
    before = await stored(db)

    with pytest.raises(Invalid) as refused:
        await changes.update(db, MARIA, changing(before.id, contact_id=new_id()))

    assert refused.value.fields == {"contactId": "does not exist"}


@pytest.mark.parametrize("name", ["conversation_id", "contact_id"])
@pytest.mark.parametrize("to", [new_id(), None], ids=["another", "none"])
async def test_a_lead_stays_with_its_conversation(db: Database, name: str, to: str | None) -> None:
    before = await stored(db, conversation_id=new_id(), contact_id=new_id())

    with pytest.raises(AlreadyLinked) as refused:
        await changes.update(db, MARIA, changing(before.id, **{name: to}))

    assert refused.value.http == 409


async def test_a_form_may_repeat_the_links(db: Database) -> None:
    before = await stored(db, conversation_id=new_id(), contact_id=new_id())
    form = changing(
        before.id, conversation_id=before.conversation_id, contact_id=before.contact_id, name="Padaria Lua"
    )

    after = (await changes.update(db, MARIA, form)).lead

    assert after.name == "Padaria Lua"
