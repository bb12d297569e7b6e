"""Schemas, roles and migrations, in one fork of the zygote: the services' database URLs come back as JSON."""

import asyncio
import json
import os

from services.kit import migrate


def main() -> None:
    passwords = migrate.passwords(os.environ["JWT_SECRET"])
    urls = asyncio.run(migrate.prepare(os.environ["DATABASE_URL"], passwords))
    with open(int(os.environ["READY_FD"]), "w") as answer:
        json.dump(urls, answer)
