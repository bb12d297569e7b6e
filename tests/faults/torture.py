"""Customers write without end while parts of the system die; afterwards everything is counted."""

import asyncio
import itertools
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx2
import psutil
import psycopg

from services.kit.bus import subject
from services.kit.tables import new_id
from tests.bench.office import Office
from tests.e2e.stack import Stack, ready
from tests.faults import met
from tests.faults.met import Met

VICTIMS = ("messaging", "sales", "intelligence", "gateway", "nats", "postgres", "envoy")
CUSTOMERS = 20
PAUSE = 0.3  # between two messages of one customer
CATCH_UP = 30.0

BEHIND = """
    select (select count(*) from messaging.outbox where published_at is null)
         + (select count(*) from sales.outbox where published_at is null)
         + (select count(*) from messaging.outbox o where type like '%.MessageReceived' and not exists (
               select 1 from sales.inbox i where i.event_id = o.event_id
               and i.consumer = 'sales-conversations-count'))
"""
COUNTED = """
    select s.conversation_id::text, s.messages_since_qualification
        + c.messages_before_qualification * (select count(*) from sales.outbox o
            where o.type like '%.QualificationDue' and o.key = s.conversation_id::text)
    from sales.conversation_qualification_state s
    join sales.lead_qualification_criteria c on c.sector_id is null
"""


@dataclass
class Ledger:
    """What customers tried to say, and what was accepted, by phone."""

    attempted: dict[str, set[str]] = field(default_factory=dict)
    accepted: dict[str, set[str]] = field(default_factory=dict)
    repeats: int = 0
    met: Met = field(default_factory=Met)


@dataclass
class Verdict:
    accepted: int = 0
    lost: int = 0
    doubled: int = 0
    unexplained: int = 0
    miscounted: int = 0  # effects in sales that are not one a message
    caught_up_after: float = 0.0
    met: Met = field(default_factory=Met)

    @property
    def is_clean(self) -> bool:
        wrong = self.lost + self.doubled + self.unexplained + self.miscounted
        return not wrong and self.accepted > 0 and self.caught_up_after <= CATCH_UP


async def torture(office: Office, seed: int, rounds: int) -> Ledger:
    """Whatever was begun is accepted in the end; an answer that Evolution would take for final raises."""
    chance, ledger, enough = random.Random(seed), Ledger(), asyncio.Event()
    async with httpx2.AsyncClient(timeout=10, trust_env=False) as client, asyncio.TaskGroup() as customers:
        for number in range(CUSTOMERS):
            phone = f"55119{seed % 1000:03d}{number:05d}"
            customers.create_task(_write(client, office, phone, ledger, enough))
        await asyncio.sleep(1)
        for number in range(1, rounds + 1):
            died = await harm(office.stack, chance, VICTIMS)
            await met.note(ledger.met, office.stack, died)
            await asyncio.sleep(chance.uniform(0.5, 3))
            if number % 20 == 0:
                sys.stderr.write(f"round {number}: {ledger.met}\n")
        await ready(office.stack)
        enough.set()
    return ledger


async def _write(
    client: httpx2.AsyncClient, office: Office, phone: str, ledger: Ledger, enough: asyncio.Event
) -> None:
    """As Evolution does it: again and again until it is accepted, and now and then twice."""
    attempted = ledger.attempted.setdefault(phone, set())
    accepted = ledger.accepted.setdefault(phone, set())
    for number in itertools.takewhile(lambda _: not enough.is_set(), itertools.count()):
        text = f"{phone}-{number}"
        attempted.add(text)
        while not await post(client, office, phone, text):
            ledger.repeats += 1
            await asyncio.sleep(0.5)
        accepted.add(text)
        if number % 5 == 0:
            await post(client, office, phone, text)
        await asyncio.sleep(PAUSE)


async def post(client: httpx2.AsyncClient, office: Office, phone: str, text: str) -> bool:
    data = {
        "key": {"remoteJid": f"{phone}@s.whatsapp.net", "fromMe": False, "id": text},
        "pushName": "Cliente",
        "message": {"conversation": text},
        "messageType": "conversation",
        "messageTimestamp": int(time.time()),
    }
    body = {"event": "messages.upsert", "instance": office.instance, "data": data}
    try:
        answer = await client.post(office.webhook["url"], json=body)
    except httpx2.TransportError:
        return False
    assert answer.status_code in (200, 408, 503, 504), answer.status_code
    return answer.status_code == 200


async def harm(stack: Stack, chance: random.Random, parts: Sequence[str]) -> list[str]:
    """Up to three parts at once: killed, asked to end, or frozen for a while. Those that died."""
    died = []
    for name in chance.sample(parts, chance.randint(1, 3)):
        how = chance.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP))
        processes = stack.members(name)
        if name == "postgres":
            if how != signal.SIGKILL:
                continue
            processes = processes[:1]  # the others go with the first; there is none while it comes up again
        for process in processes:
            _signal(process, how)
        if how == signal.SIGSTOP:
            await asyncio.sleep(chance.uniform(0.5, 2))
            for process in processes:
                _signal(process, signal.SIGCONT)
        else:
            died += [name] if processes else []
    return died


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return


async def check(office: Office, url: str, ledger: Ledger) -> Verdict:
    verdict = Verdict(accepted=sum(map(len, ledger.accepted.values())), met=ledger.met)
    verdict.caught_up_after = await caught_up(url)
    verdict.met.redelivered = await met.redelivered(office.stack)
    counted = await _rows(url, COUNTED)
    for phone, attempted in ledger.attempted.items():
        conversation, found = await _thread(office, phone)
        accepted = ledger.accepted[phone]
        verdict.lost += len(accepted - {*found})
        verdict.doubled += sum(times - 1 for times in Counter(found).values())
        verdict.unexplained += len({*found} - attempted)
        verdict.miscounted += abs(counted.get(conversation, 0) - len({*found}))
    return verdict


async def caught_up(url: str) -> float:
    """Seconds until every event was published and taken in."""
    started = time.monotonic()
    while time.monotonic() - started < 2 * CATCH_UP:
        try:
            async with await psycopg.AsyncConnection.connect(url) as connection:
                cursor = await connection.execute(BEHIND)
                (behind,) = await cursor.fetchone() or (1,)
        except psycopg.OperationalError:
            behind = 1
        if behind <= 0:
            break
        await asyncio.sleep(0.5)
    return time.monotonic() - started


async def _rows(url: str, statement: str) -> dict[str, int]:
    async with await psycopg.AsyncConnection.connect(url) as connection:
        return dict(await (await connection.execute(statement)).fetchall())


async def _thread(office: Office, phone: str) -> tuple[str, list[str]]:
    """A customer's conversation as the API tells it."""
    listed = (await _patiently(office, f"/api/conversations?search={phone}"))["conversations"]
    if not listed:
        return "", []
    (conversation,) = listed
    path = f"/api/conversations/{conversation['id']}?messagesLimit=500"
    detail = await _patiently(office, path)
    found = detail["messages"]
    while detail["messagesPage"]["hasMore"]:
        detail = await _patiently(office, f"{path}&before={detail['messagesPage']['nextBefore']}")
        found += detail["messages"]
    return conversation["id"], [message["content"] for message in found]


async def _patiently(office: Office, path: str) -> dict[str, Any]:
    for pause in (0.5, 1.0, 2.0, 4.0):
        try:
            return await office.get(path)
        except (AssertionError, httpx2.TransportError):
            await asyncio.sleep(pause)
    return await office.get(path)


async def tamper(url: str) -> None:
    """The control: lose a message, and let an event come again as if it were another one."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute(
            "delete from messaging.messages where id = (select max(id::text)::uuid from messaging.messages)"
        )
        await connection.execute(
            "update messaging.outbox set published_at = null, event_id = gen_random_uuid() where id = ("
            "select max(id) from messaging.outbox where type like '%.MessageReceived')"
        )


async def poison(office: Office, number: int) -> None:
    """Events of sales' and intelligence's subject whose bodies are no protobuf."""
    async with met.operator(office.stack) as bus:
        for _ in range(number):
            id = new_id()
            type = "convo.messaging.v1.MessageReceived"
            headers = {"Nats-Msg-Id": id, "ce-id": id, "ce-type": type, "ce-subject": new_id()}
            await bus.stream.publish(subject(type), b"\xff poison", headers=headers)


async def write_some(office: Office, phone: str, number: int) -> Ledger:
    ledger = Ledger({phone: set()}, {phone: set()})
    async with httpx2.AsyncClient(timeout=10, trust_env=False) as client:
        for text in (f"{phone}-{count}" for count in range(number)):
            assert await post(client, office, phone, text)
            ledger.attempted[phone].add(text)
            ledger.accepted[phone].add(text)
    return ledger


async def scalar(url: str, statement: str) -> int:
    async with await psycopg.AsyncConnection.connect(url) as connection:
        (value,) = await (await connection.execute(statement)).fetchone() or (0,)
    return int(value)
