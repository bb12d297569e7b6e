"""Do the migrations of all six services make what their models say? On a database that is thrown away."""

import asyncio
import sys
import tempfile
from pathlib import Path

from alembic.util import CommandError

from deploy.local import infrastructure
from services.kit import migrate


async def main() -> None:
    with tempfile.TemporaryDirectory(prefix="convo-check-", dir="/var/tmp") as folder:
        async with infrastructure.started(Path(folder)) as addresses:
            urls = await migrate.prepare(addresses.database_url, migrate.passwords("of the check"))
            await asyncio.to_thread(check, urls)


def check(urls: dict[str, str]) -> None:
    for service, url in urls.items():
        try:
            migrate.check(service, url)
        except CommandError as error:
            sys.exit(f"{service}: {error}\nRun: make migration S={service} M='what changed'")


if __name__ == "__main__":
    asyncio.run(main())
