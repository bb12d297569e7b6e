"""A service as small as can be: it writes its process id down, says that it is ready and waits."""

import os
import signal
import sys
from pathlib import Path


def main() -> None:
    sys.stdout.write(f"{os.environ['GREETING']} from {os.environ['REPLICA']}\n")
    if "REFUSE" in os.environ:
        sys.exit(int(os.environ["REFUSE"]))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    Path(os.environ["PID_FILE"]).write_text(str(os.getpid()))
    os.write(int(os.environ["READY_FD"]), b"ready\n")
    if "LEAVE" in os.environ:
        return
    while True:
        signal.pause()
