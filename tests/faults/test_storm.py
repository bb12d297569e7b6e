"""A storm of webhooks, repeated as Evolution does, while parts restart and PostgreSQL stands still."""

import asyncio
import random
import signal
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from tests.bench.office import Office, opened
from tests.e2e.stack import ready
from tests.fakes.evolution import simulate
from tests.fakes.whatsapp import Simulator

pytestmark = pytest.mark.timeout(300)

PEOPLE = 24
ROUNDS = 8
PATIENCE = 4.0  # seconds that Evolution waits for an answer
THREADS = """
    select c.phone_number, v.unread_count, v.customer_message_count, v.last_message_preview,
        array_agg(m.content order by m.timestamp, m.id) filter (where not m.is_from_me) as said,
        array_agg(m.content order by m.timestamp, m.id) filter (where m.is_from_me) as answered,
        count(*) filter (where not m.is_from_me and m.status = 'received'
            and (m.timestamp, m.id) > (coalesce(v.read_at, 'epoch'),
                coalesce(v.read_id, '00000000-0000-0000-0000-000000000000'))) as unread,
        (select count(*) from messaging.reactions r join messaging.messages o on o.id = r.message_id
            where o.conversation_id = v.id and r.emoji <> '') as reactions,
        (select count(distinct e.body) from messaging.outbox e
            where e.key = v.id::text and e.type like '%%.MessageReceived') as told
    from messaging.conversations v join messaging.contacts c on c.id = v.contact_id
    join messaging.instances i on i.id = v.instance_id join messaging.messages m on m.conversation_id = v.id
    where i.instance_name = %(name)s group by v.id, c.id
"""


@dataclass
class Ledger:
    """What was said on WhatsApp, by phone."""

    said: dict[str, list[str]] = field(default_factory=dict)
    answered: dict[str, list[str]] = field(default_factory=dict)
    reactions: Counter[str] = field(default_factory=Counter)


@pytest.fixture(scope="module")
async def office() -> AsyncIterator[Office]:
    async with opened() as office:
        yield office


@pytest.fixture(scope="module")
async def simulator(office: Office) -> AsyncIterator[Simulator]:
    async with simulate() as simulator:
        simulator.instance(office.instance, webhook=office.webhook["url"])
        plan = simulator.plan
        plan.copies, plan.webhook_timeout = 2, PATIENCE
        plan.retry_delay, plan.retry_cap, plan.retry_attempts = 0.3, 2.0, 60
        yield simulator


def introduce(simulator: Simulator) -> list[str]:
    """Some are known by their phone, some by their lid too."""
    phones = [f"551198{n:07d}" for n in range(PEOPLE)]
    for n, phone in enumerate(phones):
        if n % 3:
            addressing = ("pn", "lid")[n % 2]
            simulator.customer(phone, f"Pessoa {n}", lid=f"1827{n:011d}", addressing=addressing)
    return phones


async def talk(simulator: Simulator, phones: list[str], seed: int) -> Ledger:
    """Everybody writes in every round; some are answered on the phone, some messages get a reaction."""
    dice, ledger = random.Random(seed), Ledger()
    for number in range(ROUNDS):
        for phone in dice.sample(phones, len(phones)):
            text = f"{phone} {number}"
            id = simulator.say(phone, text)
            ledger.said.setdefault(phone, []).append(text)
            if dice.random() < 0.1:
                simulator.react(phone, id, "👍")
                ledger.reactions[phone] += 1
            if number and dice.random() < 0.05:
                answer = f"resposta {phone} {number}"
                simulator.answer_by_phone(phone, answer)
                ledger.answered.setdefault(phone, []).append(answer)
        await asyncio.sleep(dice.uniform(0.5, 1.2))
    return ledger


async def harm(office: Office) -> None:
    """In turns: messaging is killed, the gateway restarts, the database stands still for too long."""
    office.stack.kill("messaging")
    await asyncio.sleep(2)
    for gateway in office.stack.members("gateway"):
        gateway.send_signal(signal.SIGTERM)
    await asyncio.sleep(2)
    with office.stack.asleep("postgres"):
        await asyncio.sleep(PATIENCE + 1)


async def stored(office: Office) -> dict[str, dict[str, Any]]:
    url = office.stack.database_url()
    async with await psycopg.AsyncConnection.connect(url, row_factory=dict_row) as connection:
        rows = await (await connection.execute(THREADS, {"name": office.instance})).fetchall()
    return {row["phone_number"]: row for row in rows}


def faults(ledger: Ledger, threads: dict[str, dict[str, Any]]) -> list[str]:
    """Whatever is not as WhatsApp has it."""
    found = [] if threads.keys() == ledger.said.keys() else ["other people"]
    for phone, said in ledger.said.items():
        thread = threads.get(phone, {"said": [], "answered": None, "reactions": 0, "told": 0})
        answers = ledger.answered.get(phone, [])
        checks = {
            "messages": Counter(thread["said"]) == Counter(said),
            "answers": Counter(thread["answered"] or []) == Counter(answers),
            "reactions": thread["reactions"] == ledger.reactions[phone],
            "told once": thread["told"] == len(said),
            "count": thread.get("customer_message_count") == len(said),
            "unread": thread.get("unread_count") == (thread["unread"] if answers else len(said)),
        }
        found += [f"{phone}: {name}" for name, is_right in checks.items() if not is_right]
    return found


async def test_what_evolution_delivers_in_a_storm_is_stored_once_in_its_thread_and_counted(
    office: Office, simulator: Simulator
) -> None:
    phones = introduce(simulator)

    ledger, _ = await asyncio.gather(talk(simulator, phones, seed=7), harm(office))
    await simulator.settled(timeout=90)
    await ready(office.stack)

    deliveries = simulator.webhooks.deliveries
    assert any(one.status != 200 for one in deliveries)
    assert not [one for one in deliveries if one.status in (400, 401, 403, 404, 422)]
    assert faults(ledger, await stored(office)) == []


async def test_control_one_message_less_and_one_counter_too_many_are_seen(
    office: Office, simulator: Simulator
) -> None:
    phone = "5511977770001"
    ledger = await talk(simulator, [phone], seed=1)
    await simulator.settled(timeout=60)
    before = faults(ledger, {phone: (await stored(office))[phone]})

    async with await psycopg.AsyncConnection.connect(
        office.stack.database_url(), autocommit=True
    ) as connection:
        await connection.execute(
            "delete from messaging.messages where content = %(text)s", {"text": f"{phone} 3"}
        )
        await connection.execute(
            "update messaging.conversations set unread_count = unread_count + 1"
            " where last_message_preview like %(text)s",
            {"text": f"%{phone}%"},
        )
    after = faults(ledger, {phone: (await stored(office))[phone]})

    assert before == []
    assert after == [f"{phone}: messages", f"{phone}: unread"]
