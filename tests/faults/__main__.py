"""`make torture SEED=1 ROUNDS=20 PEOPLE=2000`: the long form. First what comes in, then a campaign."""

import asyncio
import os
import random
import sys

from tests.bench.office import opened
from tests.faults import campaigning
from tests.faults.torture import Verdict, check, torture


async def main() -> int:
    seed = int(os.environ.get("SEED") or random.randrange(1_000_000))
    rounds = int(os.environ.get("ROUNDS") or 20)
    people = int(os.environ.get("PEOPLE") or 2000)
    sys.stdout.write(f"seed {seed}, {rounds} rounds, {people} recipients\n")
    messages, campaign = await _messages(seed, rounds), await _campaign(seed, rounds, people)
    clean = messages.is_clean and campaign.is_clean
    sys.stdout.write(f"{messages}\n{campaign}\n{'clean' if clean else 'FAILED'}\n")
    return 0 if clean else 1


async def _messages(seed: int, rounds: int) -> Verdict:
    async with opened() as office:
        ledger = await torture(office, seed, rounds)
        return await check(office, office.stack.database_url(), ledger)


async def _campaign(seed: int, rounds: int, people: int) -> campaigning.Verdict:
    async with campaigning.opened() as office:
        return await campaigning.torture(office, seed, rounds, people)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
