"""The TypeScript client: made from today's API, strict, and at work against the live system."""

import asyncio
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from jsonschema import Draft7Validator

from deploy import client
from gateway import catalogue
from services.kit.tables import new_id
from tests.e2e.conftest import PASSWORD, Office
from tests.e2e.stack import ROOT
from tests.e2e.test_first_light import phone

pytestmark = pytest.mark.timeout(240)


async def run(*command: str | Path) -> str:
    done = await asyncio.to_thread(
        subprocess.run, command, cwd=client.FOLDER, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
async def tools() -> Path:
    """Node and what the client's lock names."""
    assert shutil.which("node"), "These tests need Node 20 or newer: apt-get install nodejs npm"
    await run("make", "--silent", "-C", ROOT, "gateway/client/node_modules/.ready")
    return client.FOLDER / "node_modules" / ".bin"


async def test_the_types_are_those_of_todays_api(tools: Path) -> None:
    assert client.TYPES.read_text() == await asyncio.to_thread(client.generated)


async def test_the_client_its_example_and_its_test_are_strict_typescript(tools: Path) -> None:
    await run(tools / "tsc", "--noEmit")


async def test_the_lock_names_no_address() -> None:
    assert "resolved" not in (client.FOLDER / "package-lock.json").read_text()


async def test_the_client_writes_to_a_customer_and_hears_of_it(office: Office, tools: Path) -> None:
    person = {"email": f"{new_id()}@empresa.com.br", "password": PASSWORD, "fullName": "Rita"}
    await office.stack.call("POST", "/api/auth/register", person, expect=201)
    conversation = await office.greet(phone(), "human")
    built = client.FOLDER / ".built"
    await run(tools / "tsc", "--outDir", built)

    told = await run(
        "node",
        built / "tests" / "live.js",
        office.stack.url,
        person["email"],
        PASSWORD,
        conversation,
    )

    found = json.loads(told)
    assert found["sent"] == found["seen"]
    assert found["content"].endswith("Olá do cliente tipado")
    assert found["refused"] == "conversation_not_found"


async def test_the_description_of_the_events_is_valid_asyncapi(tools: Path) -> None:
    """By the standard's own schema, which comes with the client's tools."""
    standard = tools.parent / "@asyncapi" / "specs" / "schemas" / "3.0.0.json"
    validator = Draft7Validator(json.loads(standard.read_text()))
    document = json.loads(catalogue.document())

    assert not [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(document)]
    assert [*validator.iter_errors({**document, "channels": {"events": {"address": 1}}})]
