"""`make torture SEED=1 ROUNDS=20`: the long form."""

import asyncio
import os
import random
import sys

from tests.bench.office import opened
from tests.faults.torture import check, torture


async def main() -> int:
    seed = int(os.environ.get("SEED") or random.randrange(1_000_000))
    rounds = int(os.environ.get("ROUNDS") or 20)
    sys.stdout.write(f"seed {seed}, {rounds} rounds\n")
    async with opened() as office:
        url = office.stack.database_url()
        verdict = await check(office, url, await torture(office, seed, rounds))
        sys.stdout.write(f"{verdict}\n{'clean' if verdict.is_clean else 'FAILED'}\n")
    return 0 if verdict.is_clean else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
