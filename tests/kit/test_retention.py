"""Retention: what is old goes, what may still be needed stays."""

from datetime import timedelta

from protos import messaging_pb2 as pb
from services.kit import outbox, retention
from services.kit.clock import now
from services.kit.db import Database
from services.kit.tables import new_id


async def test_published_events_are_kept_for_two_weeks_and_waiting_ones_for_ever(db: Database) -> None:
    ages = {new_id(): days for days in (1, 13, 15, None)}
    async with db.begin() as session:
        await outbox.emit(session, *(pb.ConversationRead(conversation_id=key) for key in ages))
        for key, days in ages.items():
            published = None if days is None else now() - timedelta(days=days)
            await session.run(
                "update outbox set published_at = %(at)s, created_at = now() - interval '20 days'"
                " where key = %(key)s",
                at=published,
                key=key,
            )

    await retention.purge(db)

    async with db.read() as session:
        left = await session.all("select key from outbox where key = any(%(keys)s)", keys=[*ages])
    assert {ages[row.key] for row in left} == {1, 13, None}
