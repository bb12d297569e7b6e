"""The restore drill: back up in the middle of a campaign, send the rest, destroy, restore, reconcile."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from deploy.local.credentials import SERVICES
from tests.e2e.conftest import Office, shown
from tests.e2e.test_convo import convo
from tests.faults.campaigning import begin, execute, opened

pytestmark = pytest.mark.timeout(240)

PEOPLE = 40
SLOWLY = "update messaging.instances set sends_per_minute = 300"
QUICKLY = "update messaging.instances set sends_per_minute = 2400"
DESTROY = "truncate messaging.messages, campaigns.campaign_messages cascade"
REOPEN = "update messaging.restores set reconciled_at = clock_timestamp()"


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    async with opened() as office:
        yield office


async def restored_in_the_middle(office: Office, folder: Path) -> str:
    """A campaign: some of it was sent before the backup, the rest after it."""
    file = str(folder / "middle.dump")
    id = await begin(office, [f"5511733300{number:03d}" for number in range(PEOPLE)])
    await execute(office, SLOWLY)
    while len(office.simulator.ledger) < PEOPLE // 4:  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    with office.stack.asleep("messaging"):
        await convo(office.stack, "backup", file)
    at_backup = len(office.simulator.ledger)
    await execute(office, QUICKLY)
    await shown(
        lambda: office.call("GET", f"/api/campaigns/{id}"), lambda it: it["campaign"]["status"] == "completed"
    )
    assert at_backup < len(office.simulator.ledger) == PEOPLE
    await execute(office, DESTROY)
    await convo(office.stack, "restore", file)
    for service in SERVICES:
        office.stack.kill(service)
    return id


def doubled(office: Office) -> int:
    return sum(times - 1 for times in Counter(line.number for line in office.simulator.ledger).values())


async def test_after_a_restore_nothing_is_sent_twice_and_everything_works(
    office: Office, tmp_path: Path
) -> None:
    id = await restored_in_the_middle(office, tmp_path)
    await asyncio.sleep(3)
    assert doubled(office) == 0

    await convo(office.stack, "reconcile")

    campaign = await shown(
        lambda: office.call("GET", f"/api/campaigns/{id}"), lambda it: it["campaign"]["status"] == "completed"
    )
    assert campaign["campaign"]["unknownCount"] > 0
    await asyncio.sleep(5)
    assert doubled(office) == 0
    conversation = await office.greet("5511733399999", "human")
    said = {"conversationId": conversation, "content": "Estamos de volta."}
    await office.call("POST", "/api/whatsapp/messages/send", said)
    assert await office.simulator.wait_for("5511733399999", 1)
    for path in ("/api/users", "/api/conversations", "/api/ai/config", "/api/leads", "/api/knowledge"):
        await office.call("GET", path)


async def test_control_without_reconciling_the_rest_would_be_sent_again(
    office: Office, tmp_path: Path
) -> None:
    await restored_in_the_middle(office, tmp_path)

    await execute(office, REOPEN)

    async with asyncio.timeout(60):
        while not doubled(office):  # noqa: ASYNC110
            await asyncio.sleep(0.2)
