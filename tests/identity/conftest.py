"""Identity as it stands after a start: settings, a signing key, and nobody registered."""

import base64
import os
from collections.abc import AsyncIterator

import pytest

os.environ |= {
    "JWT_SECRET": "the secret of these tests, long enough",
    "SERVICE_KEY": base64.b64encode(bytes(32)).decode(),
    "SERVICE_KEYS": "{}",
    "DATABASE_URL": "",
    "GRPC_PORT": "0",
    "FRONTEND_URL": "https://app.empresa.com.br",
}

from services.identity import keys
from services.identity.models import Base
from services.identity.settings import vault
from services.kit.db import Database
from services.kit.settings import load

TABLES = ", ".join(table.name for table in Base.metadata.sorted_tables)


@pytest.fixture(autouse=True)
async def _empty_house(db: Database) -> AsyncIterator[None]:
    async with db.begin() as session:
        await session.run(f"truncate {TABLES} cascade")
        await keys.ensure(session)
    yield
    load.cache_clear()
    vault.cache_clear()
