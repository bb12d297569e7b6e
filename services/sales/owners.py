"""Leads keep their owner when the owner's account is closed, and say so."""

from protos.identity_pb2 import UserDeactivated, UserReactivated
from services.kit.db import Database
from services.kit.log import log
from services.sales import peers

# No new version: the lead itself has not changed, and whoever edits it must not be sent back.
MARK = """
    update leads set owner_inactive = %(inactive)s
    where assigned_to = %(user)s and owner_inactive <> %(inactive)s
"""


async def flag(db: Database, event: UserDeactivated) -> None:
    await _mark(db, event.user_id)


async def unflag(db: Database, event: UserReactivated) -> None:
    await _mark(db, event.user_id)


async def _mark(db: Database, user: str) -> None:
    """As identity says now: the two events travel separately, and may arrive in either order."""
    inactive = not await peers.is_eligible(user)
    async with db.begin() as session:
        marked = await session.run(MARK, user=user, inactive=inactive)
    log.info("owner_marked", user_id=user, inactive=inactive, leads=marked)
