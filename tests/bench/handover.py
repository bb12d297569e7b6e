"""How fast campaigns reach the send gate: from their start until messaging holds every recipient."""

import asyncio
import time

import psycopg

from services.campaigns.progress import WINDOW
from services.kit.tables import new_id
from tests.bench.findings import Findings, at_least
from tests.bench.office import Office

CAMPAIGNS = 5

# Nothing leaves meanwhile: what is measured is the way to the gate.
READY = """
    update messaging.instances set status = 'connected' where instance_name = %(name)s returning id::text
"""
SHUT = """
    insert into messaging.gates (instance_id, paused_until) values (%(instance)s, '2100-01-01')
    on conflict (instance_id) do update set paused_until = excluded.paused_until
"""
KNOW = """
    insert into messaging.contacts (id, instance_id, phone_number, name, remote_jid)
    select gen_random_uuid(), %(instance)s, phone, 'Maria', phone || '@s.whatsapp.net'
    from (select '55116' || lpad(number::text, 8, '0') as phone from generate_series(1, %(count)s) as number)
        as people
"""
HELD = "select count(*) from messaging.sends where priority = 4 and state = 'queued'"


async def handover(office: Office) -> Findings:
    """Several campaigns at once, each as many recipients as may be with the gate at a time."""
    instance = await _prepare(office.stack.database_url(), office.instance)
    ids = [await _drafted(office, instance) for _ in range(CAMPAIGNS)]
    started = time.monotonic()
    for id in ids:
        await office.stack.call("POST", f"/api/campaigns/{id}/send", {}, token=office.token, expect=202)
    seconds = await _held(office.stack.database_url(), CAMPAIGNS * WINDOW) - started
    rate = CAMPAIGNS * WINDOW / seconds
    return Findings(
        [
            ["recipients", "seconds", "a second"],
            [f"{CAMPAIGNS * WINDOW:,}", f"{seconds:.2f}", f"{rate:,.0f}"],
        ],
        [at_least("campaigns, recipients to the send gate", rate, 1000, "a second")],
    )


async def _prepare(url: str, name: str) -> str:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        row = await (await connection.execute(READY, {"name": name})).fetchone()
        assert row
        await connection.execute(SHUT, {"instance": row[0]})
        await connection.execute(KNOW, {"instance": row[0], "count": WINDOW})
    return str(row[0])


async def _drafted(office: Office, instance: str) -> str:
    body = {"name": new_id(), "messageTemplate": "Olá, {{clienteNome}}!", "instanceId": instance}
    made = await office.stack.call("POST", "/api/campaigns", body, token=office.token, expect=201)
    return str(made["campaign"]["id"])


async def _held(url: str, count: int) -> float:
    """When the gate held them all."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        while True:
            (held,) = await (await connection.execute(HELD)).fetchone() or (0,)
            if held >= count:
                return time.monotonic()
            await asyncio.sleep(0.05)
