"""Quarantined webhooks get another chance: when their instance has appeared, or now and then."""

from datetime import timedelta

from sqlalchemy import delete, update

from services.kit.clock import now
from services.kit.db import Database, Row
from services.messaging import webhooks
from services.messaging.message_models import Quarantined
from services.messaging.quarantine import PAUSE
from services.messaging.webhooks import Delivery

KEPT = timedelta(days=7)
ATTEMPTS = 5
BATCH = 100

DUE = """
    select q.id, q.body, q.secret_hash, q.attempts, q.reason from quarantine q
    where q.attempts < %(most)s and (q.due_at is null or q.due_at <= %(at)s)
      and exists (select 1 from instances i where i.instance_name = q.instance_name
                  or i.instance_id_external = q.instance_name)
    order by q.received_at limit %(batch)s
"""


async def take_up(db: Database) -> None:
    """What waited for its instance goes its usual way now, and what was poison gets another chance or two."""
    while True:
        async with db.read() as session:
            rows = await session.all(DUE, most=ATTEMPTS, at=now(), batch=BATCH)
        for row in rows:
            await _retry(db, row)
        if len(rows) < BATCH:
            break
    async with db.begin() as session:
        await session.run(delete(Quarantined).where(Quarantined.received_at < now() - KEPT))


async def _retry(db: Database, row: Row) -> None:
    delivery = Delivery(row.body, row.secret_hash, is_retrial=True)
    await webhooks.take_in(db, [delivery])
    async with db.begin() as session:
        if delivery.receipt and delivery.receipt.status == 200 and not delivery.receipt.quarantined:
            await session.run(delete(Quarantined).where(Quarantined.id == row.id))
        else:
            pause = PAUSE * 2**row.attempts
            await session.run(
                update(Quarantined)
                .where(Quarantined.id == row.id)
                .values(attempts=row.attempts + 1, due_at=now() + pause)
            )
