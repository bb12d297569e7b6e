"""Sends whose process died between the claim and the answer: nobody knows how they ended."""

from datetime import timedelta

from services.kit.clock import now
from services.kit.db import Database
from services.messaging import outcomes
from services.messaging.outcomes import Proof

LOST_AFTER = timedelta(seconds=90)  # a call takes at most thirty
BATCH = 50

LOST = """
    select s.id, m.message_id, m.remote_jid from sends s join messages m on m.id = s.message_id
    where s.state = 'dispatching' and s.claimed_at < %(before)s order by s.claimed_at limit %(limit)s
"""


async def settle(db: Database) -> None:
    """Where the echo came, it left; else it may have left, and is never sent again."""
    async with db.read() as session:
        rows = await session.all(LOST, before=now() - LOST_AFTER, limit=BATCH)
    for row in rows:
        async with db.begin() as session:
            if row.message_id.startswith("local:"):
                await outcomes.unknown(session, row.id, "The process that sent it died before the answer.")
            else:
                await outcomes.sent(session, row.id, Proof(row.message_id, row.remote_jid))
