"""The event loop of a process, and when the kernel lets other threads interrupt it."""

import os
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

import uvloop


def run(main: Coroutine[Any, Any, None]) -> None:
    """Until `main` returns.

    A thread that wakes up waits until another pauses: gRPC's would interrupt the loop for a lock that the
    loop holds, eight times a request.
    """
    if hasattr(os, "SCHED_BATCH"):
        with suppress(OSError):  # a sandbox may refuse
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    uvloop.run(main)
