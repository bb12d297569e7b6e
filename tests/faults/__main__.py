"""`make torture RUN=E6 SEED=7 ROUNDS=200`: the long forms, one or all, each with its control."""

import asyncio
import os
import random
import sys
import time

from tests.faults.runs import RUNS, Run


async def main() -> int:
    seed = int(os.environ.get("SEED") or random.randrange(1_000_000))
    chosen = {name: run for name, run in RUNS.items() if name.startswith(os.environ.get("RUN") or "")}
    lines = [await _line(name, run, seed) for name, run in chosen.items()]
    sys.stdout.write("\n".join(["", *lines, ""]))
    return 0 if chosen and all(line.startswith("ok") for line in lines) else 1


async def _line(name: str, run: Run, seed: int) -> str:
    """Good is what is clean, and a control that is not."""
    began = time.monotonic()
    rounds = int(os.environ.get("ROUNDS") or run.rounds)
    verdict = await run.long(seed, rounds)
    sys.stderr.write(f"{name}: {verdict}\n")
    control = await run.control(seed)
    sys.stderr.write(f"    control: {control}\n")
    told = "ok    " if verdict.is_clean and not control.is_clean else "FAILED"
    return (
        f"{told}  {name:40}  {'clean' if verdict.is_clean else 'NOT CLEAN':9}"
        f"  control {'seen' if not control.is_clean else 'NOT SEEN':8}"
        f"  seed {seed}  rounds {rounds}  {time.monotonic() - began:.0f} s"
    )


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
