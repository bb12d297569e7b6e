"""What a page costs does not grow with the inbox: rows that PostgreSQL touches are counted, not seconds."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import pytest

from protos import messaging_pb2 as pb
from services.kit.actor import Actor
from services.kit.db import Database, Session, bind
from services.messaging import addressbook, contexts, details, inbox, reading
from tests.messaging.builders import make_instance
from tests.support import INTELLIGENCE, MARIA, SUPERVISOR

MANY = 20_000
MOST_TOUCHED = 3_000  # for a page of twenty, whatever is asked for
PAGE = 20

FILL = [
    """
    insert into contacts (id, instance_id, phone_number, name, remote_jid)
    select gen_random_uuid(), %(instance)s, '5511' || (900000000 + n), 'Pessoa Número ' || n,
           '5511' || (900000000 + n) || '@s.whatsapp.net'
    from generate_series(1, %(many)s) n
    """,
    """
    insert into conversations (
        id, instance_id, contact_id, last_message_at, last_message_preview, status, unread_count, assigned_to,
        is_last_message_from_me, conversation_mode, category)
    select gen_random_uuid(), c.instance_id, c.id, '2026-01-01'::timestamptz + n * interval '1 second',
           'pedido ' || n, case when n %% 3 = 0 then 'closed' else 'active' end,
           (n %% 50 = 0)::int,
           case when n %% 4 = 0 then %(maria)s::uuid when n %% 4 = 1 then null else %(other)s::uuid end,
           n %% 40 > 0, case when n %% 7 = 0 then 'ai' else 'human' end,
           case when n %% 11 = 0 then 'vendas' end
    from (select *, row_number() over (order by id) as n from contacts where instance_id = %(instance)s) c
    """,
    """
    insert into messages (id, conversation_id, instance_id, message_id, remote_jid, content, words,
                          message_type, origin, is_from_me, status, timestamp)
    select gen_random_uuid(), v.id, v.instance_id, 'last-' || v.id, 'x', v.last_message_preview,
           to_tsvector('simple', v.last_message_preview), 'text', 'customer', false, 'received',
           v.last_message_at
    from conversations v where v.instance_id = %(instance)s
    """,
    """
    update conversations v set last_message_id = m.id from messages m
    where m.conversation_id = v.id and v.instance_id = %(instance)s
    """,
    """
    insert into messages (id, conversation_id, instance_id, message_id, remote_jid, content,
                          message_type, origin, is_from_me, status, timestamp)
    select gen_random_uuid(), %(long)s, %(instance)s, 'long-' || n, 'x', 'linha ' || n, 'text', 'customer',
           false, 'read', '2026-02-01'::timestamptz + n * interval '1 second'
    from generate_series(1, %(many)s) n
    """,
    """
    update conversations set read_at = '2026-02-01'::timestamptz + (%(many)s - 5) * interval '1 second',
        read_id = '00000000-0000-0000-0000-000000000000',
        last_message_at = '2026-02-01'::timestamptz + %(many)s * interval '1 second'
    where id = %(long)s
    """,
]
TABLES = ("contacts", "conversations", "messages", "tallies")


@pytest.fixture(scope="module")
async def crowd(databases: dict[str, Database]) -> AsyncIterator[tuple[str, str]]:
    """A large instance, and the conversation in it that has a long thread."""
    db = databases["messaging"]
    instance = await make_instance(db)
    values: dict[str, Any] = {"instance": instance, "many": MANY, "maria": MARIA.id, "other": SUPERVISOR.id}
    async with db.begin() as session:
        await session.run(
            "delete from instances where id <> %(instance)s", **values
        )  # others' rows would count
        for statement in FILL[:4]:
            await session.run(statement, **values)
        values["long"] = await session.scalar(
            "select id from conversations where instance_id = %(instance)s and assigned_to = %(maria)s"
            " order by recency limit 1",
            **values,
        )
        for statement in FILL[4:]:
            await session.run(statement, **values)
    async with db.begin() as session:
        await session.run("delete from tallies")  # as the job leaves them: one row a kind
        await session.run(
            "insert into tallies (instance_id, status, conversation_mode, assigned_to, category, is_unread,"
            " is_waiting, amount) select instance_id, status, conversation_mode, assigned_to, category,"
            " unread_count > 0, is_waiting, count(*) from conversations group by 1, 2, 3, 4, 5, 6, 7"
        )
        for index in ("contacts_search_idx", "messages_words_idx"):  # as autovacuum does
            await session.run(f"select gin_clean_pending_list('{index}')")
        for table in TABLES:
            await session.run(f"analyze {table}")
    yield instance, values["long"]
    async with db.begin() as session:
        await session.run("delete from instances where id = %(instance)s", **values)


@contextmanager
def watched(session: Session) -> Iterator[list[tuple[str, dict[str, Any]]]]:
    """Every statement that the session runs meanwhile, with its parameters."""
    seen: list[tuple[str, dict[str, Any]]] = []
    execute = Session._execute

    async def watching(self: Session, statement: Any, values: dict[str, Any]) -> Any:
        sql, parameters = (statement, values) if isinstance(statement, str) else bind(statement, {**values})
        if self is session:
            seen.append((sql, parameters))
        return await execute(self, statement, values)

    Session._execute = watching  # type: ignore[method-assign]
    try:
        yield seen
    finally:
        Session._execute = execute  # type: ignore[method-assign]


async def touched(db: Database, work: Callable[[Session], Awaitable[Any]]) -> dict[str, int]:
    """How many rows each statement of a piece of work read, whether or not it gave them out."""
    async with db.begin() as session:
        with watched(session) as seen:
            await work(session)
        counts = {}
        for sql, parameters in seen:
            if sql.strip().lower().startswith(("select", "with", "update")):
                found = await session.scalar(f"explain (analyze, format json) {sql}", **parameters)
                counts[sql] = _rows(orjson.loads(found)[0]["Plan"])
    return counts


def _rows(plan: dict[str, Any]) -> int:
    """Without what an index lists as matching: a byte or two each, and only the rows behind it cost."""
    if plan["Node Type"] == "Bitmap Index Scan":
        return 0
    removed = [count for name, count in plan.items() if name.startswith("Rows Removed")]
    return int((plan["Actual Rows"] + sum(removed)) * plan["Actual Loops"]) + sum(
        _rows(part) for part in plan.get("Plans", [])
    )


def listing(actor: Actor, **asked: Any) -> Callable[[Session], Awaitable[Any]]:
    request = pb.ListConversationsRequest(limit=PAGE, **asked)
    return lambda session: inbox.list_conversations(session, actor, request)


def contacts(actor: Actor, **asked: Any) -> Callable[[Session], Awaitable[Any]]:
    request = pb.ListContactsRequest(limit=PAGE, **asked)
    return lambda session: addressbook.list_contacts(session, actor, request)


LISTS: list[tuple[Actor, dict[str, Any]]] = [
    (SUPERVISOR, {}),
    (SUPERVISOR, {"include": ["counts"]}),
    (SUPERVISOR, {"page": 3}),
    (SUPERVISOR, {"status": "closed"}),
    (SUPERVISOR, {"unread": True}),
    (SUPERVISOR, {"waiting": True, "include": ["counts"]}),
    (SUPERVISOR, {"mode": "ai"}),
    (SUPERVISOR, {"category": "vendas"}),
    (SUPERVISOR, {"unassigned": True}),
    (SUPERVISOR, {"assigned_to": MARIA.id, "status": "active"}),
    (SUPERVISOR, {"sort": "oldest"}),
    (SUPERVISOR, {"sort": "unread"}),
    (SUPERVISOR, {"sort": "waiting"}),
    (MARIA, {}),
    (MARIA, {"include": ["counts"]}),
    (MARIA, {"assigned_to": "me", "unread": True}),
    (SUPERVISOR, {"search": "Pessoa Número 777"}),
    (SUPERVISOR, {"search": "900012345"}),
    (SUPERVISOR, {"search": "ninguem"}),
    (SUPERVISOR, {"search": "linha 19999", "search_messages": True}),
]


@pytest.mark.parametrize(("actor", "asked"), LISTS)
async def test_a_page_of_the_inbox_touches_few_rows(
    db: Database, crowd: tuple[str, str], actor: Actor, asked: dict[str, Any]
) -> None:
    counts = await touched(db, listing(actor, **asked))

    assert counts
    assert max(counts.values()) <= MOST_TOUCHED, counts


@pytest.mark.parametrize(
    ("asked", "is_looked_up"), [("pedido", False), ("pessoa", False), ("pedido 1", True)]
)
async def test_what_everybody_says_is_walked_after_a_look_only_where_the_statistics_do_not_know_it(
    db: Database, crowd: tuple[str, str], monkeypatch: pytest.MonkeyPatch, asked: str, is_looked_up: bool
) -> None:
    monkeypatch.setattr("services.messaging.search.COMMON", 200)

    counts = await touched(db, listing(SUPERVISOR, search=asked, search_messages=True))

    assert max(counts.values()) <= MOST_TOUCHED, counts
    assert any("found as materialized" in sql for sql in counts) == is_looked_up


async def test_the_list_is_a_walk_of_an_index_without_a_sort(db: Database, crowd: tuple[str, str]) -> None:
    async with db.begin() as session:
        with watched(session) as seen:
            await inbox.list_conversations(session, SUPERVISOR, pb.ListConversationsRequest(limit=PAGE))
        (sql, parameters) = seen[0]
        rows = await session.all(f"explain {sql}", **parameters)
    lines = [row[0] for row in rows]

    assert any("conversations_recent_idx" in line for line in lines), lines
    assert not any("Seq Scan on conversations" in line for line in lines), lines


@pytest.mark.parametrize(
    ("actor", "asked"),
    [
        (SUPERVISOR, {}),
        (SUPERVISOR, {"sort": "name_asc"}),
        (SUPERVISOR, {"sort": "name_desc"}),
        (SUPERVISOR, {"search": "Número 777"}),
    ],
)
async def test_a_page_of_contacts_touches_few_rows(
    db: Database, crowd: tuple[str, str], actor: Actor, asked: dict[str, Any]
) -> None:
    counts = await touched(db, contacts(actor, **asked))

    assert max(counts.values()) <= MOST_TOUCHED, counts


async def test_the_detail_and_context_of_a_long_thread_touch_few_rows(
    db: Database, crowd: tuple[str, str]
) -> None:
    _, long = crowd

    async def look(session: Session) -> None:
        await details.get(session, SUPERVISOR, pb.GetConversationRequest(id=long, messages_limit=PAGE))
        asked = pb.GetContextRequest(conversation_id=long, limit=PAGE)
        await contexts.get(session, INTELLIGENCE, asked)
        await reading.mark(session, long)

    counts = await touched(db, look)

    assert len(counts) >= 6
    assert max(counts.values()) <= MOST_TOUCHED, counts


async def test_control_a_statement_that_reads_everything_is_seen(
    db: Database, crowd: tuple[str, str]
) -> None:
    async def everything(session: Session) -> None:
        await session.all("select id from conversations order by md5(last_message_preview) limit 20")

    counts = await touched(db, everything)

    assert max(counts.values()) > MANY
