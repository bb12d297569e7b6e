"""Entries as tests need them, made old or much used where a rule looks at that."""

from datetime import timedelta
from typing import Any

from protos import knowledge_pb2 as pb
from services.kit.clock import now
from services.kit.db import Database
from services.knowledge import edits, entries
from tests.support import ADMIN, SUPERVISOR


async def entry(
    db: Database,
    question: str = "Qual o horário de atendimento?",
    answer: str = "De segunda a sexta, das 8h às 18h.",
    **more: Any,
) -> pb.Entry:
    request = pb.ManageEntryRequest(**{"category": "faq", "question": question, "answer": answer} | more)
    return (await edits.manage(db, SUPERVISOR, request)).entry


async def change(db: Database, id: str, **fields: Any) -> pb.Entry:
    """What a PUT with these fields in its body does."""
    given = {name: value for name, value in fields.items() if value is not None}
    request = pb.UpdateEntryRequest(id=id, **given)
    request.update_mask.paths.extend(fields)
    return (await edits.change(db, SUPERVISOR, request)).entry


async def aged(db: Database, id: str, *, days: int, uses: int = 0) -> None:
    """As if made, and last used, that long ago."""
    async with db.begin() as session:
        await session.run(
            "update knowledge_base set created_at = %(at)s, use_count = %(uses)s,"
            " last_used_at = case when %(uses)s > 0 then %(at)s::timestamptz end where id = %(id)s",
            id=id,
            uses=uses,
            at=now() - timedelta(days=days),
        )


async def shown(db: Database, id: str) -> pb.Entry:
    async with db.read() as session:
        listed = await entries.list_entries(session, ADMIN, pb.ListEntriesRequest(include_inactive=True))
    return next(one for one in listed.entries if one.id == id)
