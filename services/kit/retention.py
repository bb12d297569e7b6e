"""What the kit's tables forget, and when."""

from datetime import timedelta

from services.kit import idempotency
from services.kit.clock import now
from services.kit.db import Database

KEPT = {
    "outbox": ("id", "published_at", timedelta(days=14)),  # a lost stream is refilled from it
    "inbox": ("ctid", "received_at", timedelta(days=30)),  # longer than an event can come back
    "dead_letters": ("id", "replayed_at", timedelta(days=30)),
    "idempotency_keys": ("ctid", "created_at", idempotency.KEPT),
}
BATCH = 5_000


async def purge(db: Database) -> None:
    """Delete what is old, in small transactions."""
    for table, (key, column, kept) in KEPT.items():
        statement = f"""
            delete from {table} where {key} = any(array(
                select {key} from {table} where {column} < %(before)s limit {BATCH}
            ))
        """
        deleted = BATCH
        while deleted == BATCH:
            async with db.begin() as session:
                deleted = await session.run(statement, before=now() - kept)
