"""`make eval`: how well the local provider works, and beside it the one that is configured, if any."""

import asyncio
import os

from deploy.local import infrastructure
from services.intelligence import llm
from services.intelligence.settings import IntelligenceSettings
from services.kit import log, migrate
from services.kit.db import Database
from tests.eval.scores import Bench, Score, measure, table
from tests.intelligence.desk import neighbours
from tests.support import ENVIRONMENT, open_folder


async def main() -> str:
    os.environ |= ENVIRONMENT
    log.configure("eval", "ERROR")
    with open_folder() as folder:
        async with infrastructure.started(folder) as addresses:
            urls = await migrate.prepare(addresses.database_url, migrate.passwords("of the evaluation"))
            databases = {name: Database(urls[name], schema=name) for name in ("intelligence", "knowledge")}
            for database in databases.values():
                await database.open()
            async with neighbours(databases) as desk:
                columns = await scored(Bench(databases, desk))
            for database in databases.values():
                await database.close()
    return table(columns)


async def scored(bench: Bench) -> dict[str, list[Score]]:
    local, configured = IntelligenceSettings(ai_provider="local"), IntelligenceSettings()
    chosen = {"local": local}
    if configured.provider in ("groq", "openai"):
        chosen[f"{configured.provider}: {configured.ai_model}"] = configured
    columns = {}
    for name, settings in chosen.items():
        llm.open_provider(settings)
        columns[name] = await measure(bench)
    return columns


if __name__ == "__main__":
    print(asyncio.run(main()))  # noqa: T201
