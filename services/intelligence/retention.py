"""What the AI did is remembered for a while, and then no more."""

from datetime import timedelta

from services.intelligence.settings import IntelligenceSettings
from services.kit.clock import now
from services.kit.db import Database
from services.kit.settings import load

FORGET = (
    "delete from ai_agent_logs where created_at < %(before)s",
    "delete from ai_calls where created_at < %(before)s",
    "delete from ai_limits where blocked_until < %(before)s",
)


async def forget(db: Database) -> None:
    before = now() - timedelta(days=load(IntelligenceSettings).ai_log_retention_days)
    async with db.begin() as session:
        for statement in FORGET:
            await session.run(statement, before=before)
