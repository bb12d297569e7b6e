"""The event loop: who wakes up beside it does not interrupt it."""

import os
import subprocess
import sys

ASK = """
import asyncio, os, threading
from services.kit import loop

async def main():
    policies = [os.sched_getscheduler(0)]
    thread = threading.Thread(target=lambda: policies.append(os.sched_getscheduler(0)))
    thread.start()
    thread.join()
    print(*policies)

loop.run(main())
"""


def test_a_process_and_its_threads_take_turns() -> None:
    told = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, check=True)

    assert told.stdout.split() == [str(os.SCHED_BATCH)] * 2
