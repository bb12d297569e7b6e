"""An empty knowledge base for every test."""

import pytest

from services.kit.db import Database


@pytest.fixture(autouse=True)
async def nothing_known(db: Database) -> None:
    async with db.begin() as session:
        await session.run(
            "truncate knowledge_base, knowledge_usage_events, knowledge_gaps,"
            " knowledge_optimization_log, outbox"
        )
