"""Whether what is asked for costs more when there is more: p50 and p99 of reads as conversations grow."""

from typing import Any

import psycopg

from tests.bench.findings import Findings, Table, at_most
from tests.bench.load import Measured, load
from tests.bench.office import Office

AT_A_TIME = 50_000
READ = 20  # conversations whose detail is asked for, and what each of them holds
THREAD = 50
SECONDS = 4.0
BAR = 2.0

GROW = """
    with numbers as materialized (
        select n, uuidv7() as contact, uuidv7() as conversation, uuidv7() as message,
            '5521' || (900000000 + n) as phone, now() - n * interval '1 second' as at
        from generate_series(%(low)s::int, %(high)s::int) as n
    ), people as (
        insert into messaging.contacts (id, instance_id, phone_number, name, remote_jid, created_at,
            updated_at)
        select contact, %(instance)s, phone, 'Cliente Silva' || n, phone || '@s.whatsapp.net', at, at
        from numbers
    ), threads as (
        insert into messaging.conversations (id, instance_id, contact_id, last_message_id, last_message_at,
            last_message_preview, created_at, updated_at)
        select conversation, %(instance)s, contact, message, at, 'Pedido cod' || n, at, at from numbers
    )
    insert into messaging.messages (id, conversation_id, instance_id, message_id, remote_jid, content, words,
        message_type, origin, is_from_me, status, timestamp, created_at)
    select message, conversation, %(instance)s, message::text, phone || '@s.whatsapp.net', 'Pedido cod' || n,
        array_to_tsvector(array['pedido', 'cod' || n]), 'text', 'customer', false, 'received', at, at
    from numbers
"""
LENGTHEN = """
    with made as materialized (
        select uuidv7() as id, v.id as conversation_id, v.instance_id, p.remote_jid,
            v.last_message_at - n * interval '1 minute' as at, n
        from messaging.contacts p join messaging.conversations v on v.contact_id = p.id,
            generate_series(1, %(thread)s - 1) as n
        where p.phone_number = any(select '5521' || (900000000 + n) from generate_series(0, %(read)s - 1) n)
    ), written as (
        insert into messaging.messages (id, conversation_id, instance_id, message_id, remote_jid, content,
            words, message_type, origin, is_from_me, status, timestamp, created_at)
        select id, conversation_id, instance_id, id::text, remote_jid, 'Mensagem ' || n,
            array_to_tsvector(array['mensagem', n::text]), 'text', 'customer', false, 'received', at, at
        from made
    )
    select distinct conversation_id::text from made
"""


async def growth(office: Office, sizes: list[int]) -> Findings:
    """One caller, so that it is the latency of a read and not of a queue."""
    table: Table = []
    p99: dict[str, list[float]] = {}
    read: list[str] = []
    size = 0
    url = office.stack.database_url()
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        cursor = await connection.execute("select id from messaging.instances limit 1")
        (instance,) = await cursor.fetchone() or (None,)
        for wanted in sizes:
            for low in range(size, wanted, AT_A_TIME):
                high = min(low + AT_A_TIME, wanted) - 1
                await connection.execute(GROW, {"low": low, "high": high, "instance": instance})
            size = wanted
            if not read:
                cursor = await connection.execute(LENGTHEN, {"thread": THREAD, "read": READ})
                read = [row[0] for row in await cursor.fetchall()]
            await connection.execute(
                "vacuum analyze messaging.conversations, messaging.contacts, messaging.messages"
            )
            found = {title: await _asked(office, paths) for title, paths in _asks(read, wanted).items()}
            table.append(
                [
                    f"{wanted:,}",
                    *(f"{one.p50:.1f} / {one.p99:.1f} / {one.worst:.0f}" for one in found.values()),
                ]
            )
            for title, one in found.items():
                p99.setdefault(title, []).append(one.p99)
    ratios = {title: some[-1] / some[0] for title, some in p99.items()}
    span = f"{sizes[-1]:,} / {sizes[0]:,}"
    return Findings(
        [
            ["conversations; p50 / p99 / worst ms", *ratios],
            *table,
            [f"p99, {span}", *(f"{ratio:.2f} x" for ratio in ratios.values())],
        ],
        [at_most(f"growth, p99 of {title}, {span}", ratio, BAR, "x") for title, ratio in ratios.items()],
    )


def _asks(read: list[str], size: int) -> dict[str, list[str]]:
    """The same at every size; what is searched for lies in the middle of it."""
    inbox = "conversations?limit=20"
    return {
        "list": [inbox],
        "detail": [f"conversations/{id}" for id in read],
        "search, a phone": [f"{inbox}&search=5521{900_000_000 + size // 2}"],
        "search, a name": [f"{inbox}&search=silva{size // 2}"],
        "search, a name everybody has": [f"{inbox}&search=cliente"],
        "search, a word of a message": [f"{inbox}&search=cod{size // 2}&searchMessages=true"],
    }


async def _asked(office: Office, paths: list[str]) -> Measured:
    urls = [f"{office.stack.url}/api/{path}" for path in paths]
    work: dict[str, Any] = {"callers": 1, "urls": urls, "headers": office.headers}
    await load([office.stack.process.pid], seconds=1, **work)
    found = await load([office.stack.process.pid], seconds=SECONDS, **work)
    assert not found.refused, paths
    return found
