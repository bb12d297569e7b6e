"""`convo` against a living system: it finds it, tells what ails it, sows, keeps and brings back."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

from deploy.local.credentials import kept
from services.kit.crypto import Vault
from tests.e2e.conftest import Office
from tests.e2e.stack import ROOT, Stack
from tests.support import GIVEN

pytestmark = pytest.mark.timeout(240)


SEALED = {
    "identity": "select private_key from identity.signing_keys",
    "messaging": "select api_key from messaging.instance_secrets where api_key is not null",
}


async def convo(stack: Stack, *arguments: str, expect: int = 0, **environment: str) -> str:
    ours = {"CONVO_HOME": str(stack.home), "API_URL": stack.url, "COLUMNS": "200", **environment}
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "deploy.convo", *arguments],
        cwd=ROOT,
        env={**GIVEN, **ours},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == expect, done.stdout + done.stderr
    return done.stdout or done.stderr


async def doctor(stack: Stack, *, expect: int = 0) -> dict[str, dict[str, Any]]:
    findings = json.loads(await convo(stack, "doctor", "--json", expect=expect))
    return {one["name"]: one for one in findings}


async def test_the_doctor_finds_every_part_well(office: Office) -> None:
    findings = await doctor(office.stack)

    assert {"database", "events", "files", "api", "outbox", "ai", "whatsapp"} <= set(findings)
    assert not [one for one in findings.values() if one["state"] == "fail"]


@pytest.mark.parametrize(
    ("command", "status", "said"),
    [
        ("seed --size medium", 2, "'small', 'large'"),
        ("restore", 1, "a file, or a moment"),
        ("restore --to ontem", 2, "is not a time"),
        ("restore --to 2026-11-23T18:00:00Z", 1, "It already runs"),
        ("events rebuild --since ontem", 2, "is not a time"),
        ("backup /nowhere/convo.dump", 1, "No such file"),
        ("dead list vendas", 1, "There is no service vendas"),
    ],
)
async def test_what_cannot_be_done_is_said_without_a_traceback(
    office: Office, command: str, status: int, said: str
) -> None:
    told = await convo(office.stack, *command.split(), expect=status)

    assert said in told
    assert "Traceback" not in told


@pytest.fixture
def away(tmp_path: Path) -> Stack:
    """A system that does not run."""
    return Stack("http://127.0.0.1:1", tmp_path, subprocess.Popen(["true"]))


async def test_the_doctor_names_what_fails_and_the_mend(away: Stack) -> None:

    findings = await doctor(away, expect=1)

    assert findings["database"]["state"] == "fail"
    assert "make run" in findings["database"]["mend"]
    assert findings["api"]["state"] == "fail"


async def test_events_are_told_as_they_are(office: Office) -> None:
    lines = (await convo(office.stack, "tail", "--json", "--last", "1", "--count", "1")).splitlines()

    event = json.loads(lines[-1])
    assert event["name"].count(".") == 1
    assert event["data"]


async def test_signing_keys_rotate_and_nobody_is_logged_out(office: Office) -> None:
    before = (await office.stack.call("GET", "/.well-known/jwks.json"))["keys"]

    await convo(office.stack, "keys", "rotate")

    after = (await office.stack.call("GET", "/.well-known/jwks.json"))["keys"]
    assert {one["kid"] for one in before} < {one["kid"] for one in after}
    await office.call("GET", "/api/auth/me")


async def test_secrets_are_sealed_anew_under_a_secret_that_changed(office: Office) -> None:
    old, new = kept(office.stack.home).jwt_secret, "another secret of thirty-two bytes and more"

    await convo(office.stack, "keys", "reseal", JWT_SECRET=new, expect=1)
    untouched = stored(office.stack)
    await convo(office.stack, "keys", "reseal", JWT_SECRET=new, JWT_SECRET_PREVIOUS=old)
    moved = stored(office.stack)
    await convo(office.stack, "keys", "reseal", JWT_SECRET=old, JWT_SECRET_PREVIOUS=new)

    assert all(untouched.values())
    assert all(Vault(old).is_current(one) for rows in untouched.values() for one in rows)
    assert all(Vault(new).is_current(one) for rows in moved.values() for one in rows)
    tested = await office.call("POST", f"/api/whatsapp/instances/{office.instance_id}/test")
    assert tested["success"]


def stored(stack: Stack) -> dict[str, list[str]]:
    """What each service keeps sealed."""
    with psycopg.connect(stack.database_url()) as connection:
        return {name: [one for (one,) in connection.execute(select)] for name, select in SEALED.items()}


async def test_dead_letters_are_listed(office: Office) -> None:
    await convo(office.stack, "dead", "list")
    await convo(office.stack, "dead", "replay", "sales")
    await convo(office.stack, "dead", "list", "nobody", expect=1)


async def test_a_backup_brings_everything_back(office: Office, tmp_path: Path) -> None:
    file = tmp_path / "all.dump"
    await convo(office.stack, "backup", str(file))
    entry = {"category": "faq", "question": "Depois da cópia?", "answer": "Sim."}
    await office.call("POST", "/api/knowledge/manage", entry, expect=201)

    await convo(office.stack, "restore", str(file))

    listed = await office.call("GET", "/api/knowledge?limit=200")
    assert "Depois da cópia?" not in {one["question"] for one in listed["entries"]}
    await convo(office.stack, "reconcile")
    await convo(office.stack, "reconcile", expect=1)
