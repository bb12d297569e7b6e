"""The README's commands, as they stand there.

A shell block that follows the line `<!-- tested -->` is run: all such blocks in one shell, in their order,
with nothing to read from. `make run` goes on in the background, and the rest waits until it serves. Port 3000
is another one here.
"""

import asyncio
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from deploy.local import ports
from tests.e2e.stack import ROOT
from tests.support import GIVEN

pytestmark = pytest.mark.timeout(300)

BLOCK = re.compile(r"<!-- tested -->\n+```sh\n(.*?)```", re.DOTALL)
SHELL = """
set -euo pipefail
curl() { command curl --silent --show-error --fail --max-time 30 "$@"; }
serves() {
    while kill -0 $RUN; do curl "localhost:$PORT/readyz" >/dev/null 2>&1 && return; sleep 0.2; done
    cat $CONVO_HOME/run.log
    false
}
"""


def script(text: str, port: int) -> str:
    lines = "\n".join(BLOCK.findall(text)).replace(":3000", f":{port}").splitlines()
    runs = [line for line in lines if line.partition("#")[0].strip() == "make run"]
    rest = [line for line in lines if line not in runs]
    assert runs, "no tested block of the README starts the system"
    return "\n".join(
        [
            SHELL,
            "make run > $CONVO_HOME/run.log 2>&1 &",
            "RUN=$!",
            "trap 'kill $RUN; wait $RUN || true' EXIT",
            "serves",
            "set -x",
            *rest,
        ]
    )


@pytest.mark.parametrize("name", ["README.md"])
async def test_the_commands_of_the_readme_do_what_they_say(name: str, tmp_path: Path) -> None:
    [port] = ports.free(1)
    environment = {**GIVEN, "CONVO_HOME": str(tmp_path), "PORT": str(port), "NO_COLOR": "1"}
    text = script((ROOT / name).read_text(), port)

    shell = await asyncio.create_subprocess_exec(
        "bash",
        "-c",
        text,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        output, _ = await asyncio.wait_for(shell.communicate(), 240)
    finally:
        if shell.returncode is None:
            os.killpg(shell.pid, signal.SIGTERM)

    assert shell.returncode == 0, output.decode()[-4000:]
