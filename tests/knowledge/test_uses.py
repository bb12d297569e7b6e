"""How often entries are used."""

import pytest

from protos import intelligence_pb2
from protos import knowledge_pb2 as pb
from services.kit.db import Database
from services.kit.tables import new_id
from services.knowledge import edits, uses
from tests.knowledge.builders import change, entry, shown
from tests.support import MARIA


async def test_a_person_counts_a_use(db: Database) -> None:
    used = await entry(db)

    async with db.begin() as session:
        reply = await uses.count(session, MARIA, pb.UseEntryRequest(id=used.id))

    assert reply.use_count == 1
    assert reply.last_used_at == (await shown(db, used.id)).last_used_at


async def test_what_is_out_of_use_cannot_be_used(db: Database) -> None:
    gone = await entry(db)
    await change(db, gone.id, is_active=False)

    with pytest.raises(edits.EntryNotFound):
        async with db.begin() as session:
            await uses.count(session, MARIA, pb.UseEntryRequest(id=gone.id))


async def test_the_agents_use_counts_once_for_each_message(db: Database) -> None:
    used = await entry(db)
    event = intelligence_pb2.KnowledgeUsed(
        conversation_id=new_id(), message_id=new_id(), entry_ids=[used.id, used.id]
    )

    for _ in range(2):
        async with db.begin() as session:
            await uses.count_once(session, event)

    assert (await shown(db, used.id)).use_count == 1
