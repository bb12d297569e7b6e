"""A campaign through an Evolution that misbehaves, while parts die; afterwards everybody is counted."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
import psycopg

from tests.e2e import stack as stacks
from tests.e2e.conftest import Office, furnished, shown
from tests.e2e.stack import ready
from tests.fakes.evolution_webhooks import Fault
from tests.faults.torture import harm
from tests.support import open_folder

VICTIMS = ("campaigns", "messaging", "nats", "postgres")
PACE = 2400  # messages a minute
LATER = 150.0  # seconds: nobody waits any longer for the answer that a dead process was waiting for
OVER_WITHIN = 600.0

# What a call runs into, of a thousand. `cut`, `late` and `garbage` deliver first; `closed` is an outage.
FAULTS: dict[str, tuple[int, dict[str, Any]]] = {
    "none": (813, {}),
    "status": (50, {"status": 500}),
    "drop": (40, {}),
    "cut": (40, {}),
    "garbage": (30, {}),
    "slow": (20, {"seconds": 1.0}),
    "late": (4, {"seconds": 35.0}),
    "closed": (3, {}),
}
KNOW = """
    insert into messaging.contacts (id, instance_id, phone_number, name, remote_jid)
    select gen_random_uuid(), %(instance)s, phone, 'Maria', phone || '@s.whatsapp.net'
    from unnest(%(phones)s::text[]) as phone
"""
SPEED = "update messaging.instances set sends_per_minute = %(pace)s where id = %(instance)s"
# The control: a claim does not hold, so that whoever comes next takes the same message again.
FORGET_CLAIMS = """
    create function messaging.forget() returns trigger language plpgsql as
        'begin new.state := ''queued''; return new; end';
    create trigger forget before update on messaging.sends
        for each row when (new.state = 'dispatching') execute function messaging.forget()
"""


@dataclass
class Verdict:
    recipients: int = 0
    missing: int = 0  # who is not even in the report
    doubled: int = 0
    skipped: int = 0  # who got nothing, and is not shown as failed or unknown
    denied: int = 0  # who got it, and is shown as if not
    unfinished: int = 0
    reached: int = 0
    unknown: int = 0
    failed: int = 0

    @property
    def is_clean(self) -> bool:
        wrong = self.missing + self.doubled + self.skipped + self.denied + self.unfinished
        return self.reached > 0 and not wrong


@asynccontextmanager
async def opened() -> AsyncIterator[Office]:
    """An office whose clock can be moved."""
    with open_folder() as home:
        clock = str(home / "clock")
        async with (
            stacks.running(home, RATE_LIMIT_REQUESTS="1000000000", CONVO_CLOCK_FILE=clock) as stack,
            furnished(stack) as office,
        ):
            office.simulator.plan.noise = False
            office.simulator.plan.retry_delay = 0.5
            yield office


async def torture(office: Office, seed: int, rounds: int, people: int) -> Verdict:
    chance = random.Random(seed)
    office.simulator.plan.faults = misbehaviours(chance, 2 * people)
    id = await begin(office, [f"55117{seed % 1000:03d}{number:05d}" for number in range(people)])
    life = asyncio.create_task(_live_on(office))
    for _ in range(rounds):
        office.simulator.plan.echo = chance.choice(("first", "beside", "never"))
        await harm(office.stack, chance, VICTIMS)
        await asyncio.sleep(chance.uniform(1, 4))
    await ready(office.stack)
    await over(office, id)
    life.cancel()
    return await check(office, id, people)


async def forgetful(office: Office) -> Verdict:
    """The control: without claims somebody gets it twice."""
    await execute(office, FORGET_CLAIMS)
    office.simulator.plan.faults = [Fault("slow", times=1000, seconds=0.5)]
    id = await begin(office, [f"5511766600{number:03d}" for number in range(20)])
    return await shown(lambda: check(office, id, 20), lambda it: it.doubled > 0)


def misbehaviours(chance: random.Random, number: int) -> list[Fault]:
    """What the next calls run into, in their order."""
    kinds = chance.choices([*FAULTS], [share for share, _ in FAULTS.values()], k=number)
    return [Fault(kind, **FAULTS[kind][1]) for kind in kinds]


async def begin(office: Office, phones: list[str]) -> str:
    """A campaign to people whom messaging knows, on its way."""
    office.simulator.connection(office.instance, "open")
    await office.simulator.settled()
    await execute(office, KNOW, instance=office.instance_id, phones=phones)
    await execute(office, SPEED, instance=office.instance_id, pace=PACE)
    body = {"name": "Tempestade", "messageTemplate": "Olá, {{clienteTelefone}}!"}
    made = await office.call("POST", "/api/campaigns", body, expect=201)
    assert made["estimatedRecipients"] == len(phones), made
    id = str(made["campaign"]["id"])
    await office.call("POST", f"/api/campaigns/{id}/send", {}, expect=202)
    return id


async def execute(office: Office, statement: str, **values: Any) -> None:
    url = office.stack.database_url()
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute(statement, values or None)


async def over(office: Office, id: str) -> None:
    """Until nobody waits any more: time passes, so that what died with its process counts as lost."""
    (office.stack.home / "clock").write_text(str(LATER))

    async def campaign() -> dict[str, Any]:
        return await _asked(office, f"/api/campaigns/{id}")

    await shown(campaign, lambda it: it["campaign"]["status"] == "completed", within=OVER_WITHIN)


async def check(office: Office, id: str, people: int) -> Verdict:
    """What the report says, beside what customers' phones show."""
    got = Counter(line.number for line in office.simulator.ledger)
    verdict = Verdict(doubled=sum(times - 1 for times in got.values()))
    async for line in _report(office, id):
        verdict.recipients += 1
        status, reached = line["status"], bool(got[line["phoneNumber"]])
        verdict.reached += reached
        verdict.unknown += status == "unknown"
        verdict.failed += status == "failed"
        verdict.unfinished += status in ("pending", "queued")
        verdict.skipped += not reached and status not in ("failed", "unknown")
        verdict.denied += reached and status not in ("sent", "delivered", "read", "unknown")
    verdict.missing = people - verdict.recipients
    return verdict


async def _report(office: Office, id: str) -> AsyncIterator[dict[str, Any]]:
    """A line for each recipient, however many pages that is."""
    path, cursor = f"/api/campaigns/{id}/recipients?limit=500", ""
    while cursor is not None:
        page = await _asked(office, f"{path}&cursor={cursor}" if cursor else path)
        for line in page["recipients"]:
            yield line
        cursor = page["pagination"]["nextCursor"]


async def _asked(office: Office, path: str) -> dict[str, Any]:
    """Of a system that may be coming up again."""
    for pause in (0.5, 1.0, 2.0, 4.0):
        try:
            return await office.call("GET", path)
        except (AssertionError, httpx2.TransportError):
            await asyncio.sleep(pause)
    return await office.call("GET", path)


async def _live_on(office: Office) -> None:
    """Evolution says when it has found WhatsApp again, and other customers write."""
    while True:
        await asyncio.sleep(1)
        office.simulator.connection(office.instance, "open")
        office.simulator.say("5511999990000", "Bom dia", instance=office.instance)
