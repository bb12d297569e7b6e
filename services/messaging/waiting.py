"""What was parked and has its message now: one transaction parked while another one stored."""

from sqlalchemy import delete

from services.kit.clock import now
from services.kit.db import Database
from services.messaging import changes, parking
from services.messaging.message_models import Parked


async def apply_what_came(db: Database) -> None:
    async with db.begin() as session:
        await changes.apply_parked(session, await parking.arrived(session))
        await session.run(delete(Parked).where(Parked.parked_at < now() - parking.KEPT))
