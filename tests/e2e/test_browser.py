"""The pages in a real browser: the simulator beside the inbox, and the documentation."""

import asyncio
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from deploy import client
from tests.e2e import stack as stacks
from tests.e2e.conftest import PASSWORD
from tests.e2e.test_client import run, tools

pytestmark = pytest.mark.timeout(400)

EMAIL = "ana@empresa.com.br"
PICTURES = Path(__file__).parents[2] / "deploy" / "local" / "screenshots"

__all__ = ["tools"]


@pytest.fixture(scope="module")
async def chromium() -> str:
    """Debian's; it is installed where it is not there and may be."""
    if found := shutil.which("chromium"):
        return found
    assert os.geteuid() == 0, "This test needs Chromium: apt-get install chromium"
    for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", "chromium"]):
        await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True)
    return str(shutil.which("chromium"))


async def test_a_customer_writes_the_ai_answers_and_a_person_takes_over(tools: Path, chromium: str) -> None:
    """With CONVO_PICTURES the README's pictures are taken anew."""
    pictures = str(PICTURES) if os.environ.get("CONVO_PICTURES") else ""
    script = client.FOLDER / "tests" / "sim.mjs"
    async with stacks.watched(AI_DEBOUNCE_S="0.5") as stack:
        told = await run("node", script, stack.url, chromium, EMAIL, PASSWORD, pictures)

    assert told.strip() == "seen"
