"""The inbox: every filter narrows, pages miss nothing, counts agree, and nobody sees what is not theirs."""

from typing import Any

import pytest

from protos import messaging_pb2 as pb
from services.kit.actor import Actor, service
from services.kit.db import Database
from services.kit.errors import Invalid
from services.kit.tables import new_id
from services.messaging import assignments, details, inbox, modes, tallies
from tests.messaging.builders import make_instance, make_person, phone, receive, upsert, written_by
from tests.support import JOAO, MARIA, SUPERVISOR

IDENTITY = service("identity")


@pytest.fixture
async def shop(db: Database) -> tuple[str, str]:
    """The id and the name of an instance of this test's own."""
    name = f"wa-{new_id()}"
    return await make_instance(db, name), name


async def listed(db: Database, actor: Actor, **request: Any) -> pb.ListConversationsResponse:
    async with db.read() as session:
        return await inbox.list_conversations(session, actor, pb.ListConversationsRequest(**request))


async def ids(db: Database, actor: Actor, **request: Any) -> list[str]:
    return [one.id for one in (await listed(db, actor, **request)).conversations]


async def give(db: Database, conversation: str, to: Actor | None) -> None:
    async with db.begin() as session:
        await assignments.give(session, SUPERVISOR, conversation, to.id if to else None, None)


async def change(db: Database, conversation: str, **values: Any) -> None:
    request = pb.UpdateConversationRequest(id=conversation, **values)
    request.update_mask.paths.extend(values)
    await details.change(db, SUPERVISOR, request)


async def test_filters_narrow_together(db: Database, shop: tuple[str, str]) -> None:
    id, name = shop
    await make_person(db, MARIA, "Maria")
    first, second, third = [await written_by(db, name, phone(), at=1795459370 + n) for n in range(3)]
    await give(db, first, MARIA)
    await change(db, second, status="closed")
    await change(db, third, category="vendas")
    async with db.begin() as session:
        await modes.change(session, SUPERVISOR, third, "ai")

    async def found(**filters: Any) -> list[str]:
        return await ids(db, SUPERVISOR, instance_id=id, **filters)

    assert await found() == [third, second, first]
    assert await found(status="all", sort="oldest") == [first, second, third]
    assert await found(status="active") == [third, first]
    assert await found(status="active", assigned_to=MARIA.id) == [first]
    assert await found(status="closed", assigned_to=MARIA.id) == []
    assert await found(unassigned=True) == [third, second]
    assert await found(assigned_to="unassigned", mode="ai") == [third]
    assert await found(category="vendas", waiting=True, unread=True) == [third]
    assert await found(category="vendas", status="closed") == []


async def test_an_agent_sees_her_own_and_the_queue(db: Database, shop: tuple[str, str]) -> None:
    id, name = shop
    for actor, called in ((MARIA, "Maria"), (JOAO, "João")):
        await make_person(db, actor, called)
    mine, his, nobodys = [await written_by(db, name, phone(), at=1795459370 + n) for n in range(3)]
    await give(db, mine, MARIA)
    await give(db, his, JOAO)

    assert await ids(db, MARIA, instance_id=id) == [nobodys, mine]
    assert await ids(db, MARIA, instance_id=id, assigned_to="me") == [mine]
    assert await ids(db, MARIA, instance_id=id, assigned_to=JOAO.id) == []
    assert await ids(db, MARIA, instance_id=id, sort="oldest") == [mine, nobodys]
    reply = await listed(db, MARIA, instance_id=id, include=["counts"])
    assert (reply.total_count, reply.unread_count) == (2, 2)


@pytest.mark.parametrize("sort", ["recent", "oldest", "unread", "waiting"])
async def test_pages_miss_nothing_and_repeat_nothing(db: Database, shop: tuple[str, str], sort: str) -> None:
    id, name = shop
    made = [await written_by(db, name, phone(), at=1795459370 + n // 3) for n in range(11)]
    for conversation in made[::3]:
        await change(db, conversation, unread_count=0)
    for number, conversation in enumerate(made[::4]):
        body = upsert(name, "Já vai", fromMe=True, at=1795459390 + number)
        await receive(db, body)
        assert conversation

    seen: list[str] = []
    cursor = ""
    while True:
        reply = await listed(db, SUPERVISOR, instance_id=id, sort=sort, limit=2, cursor=cursor)
        seen += [one.id for one in reply.conversations]
        cursor = reply.pagination.next_cursor
        if not reply.pagination.has_more:
            break

    assert len(seen) == len(set(seen))
    assert seen == await ids(db, SUPERVISOR, instance_id=id, sort=sort)
    second = await ids(db, SUPERVISOR, instance_id=id, sort=sort, limit=4, page=2)
    assert second == seen[4:8]


async def test_counts_follow_every_change_and_survive_condensing(
    db: Database, shop: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    id, name = shop
    first, second = [await written_by(db, name, phone()) for _ in range(2)]
    await change(db, first, unread_count=0)
    await change(db, second, status="closed")
    monkeypatch.setattr(tallies, "SLACK", -1_000_000)

    await tallies.condense(db)

    async def counts(**filters: Any) -> tuple[int, int, int]:
        reply = await listed(db, SUPERVISOR, instance_id=id, include=["counts"], **filters)
        return reply.total_count, reply.unread_count, reply.waiting_count

    assert await counts() == (2, 1, 2)
    assert await counts(status="active") == (1, 0, 1)
    assert await counts(status="closed", unread=True) == (1, 1, 1)
    async with db.begin() as session:
        await session.run("delete from conversations where id = %(id)s", id=second)
    assert await counts() == (1, 0, 1)


async def test_who_attends_how_many_is_known_at_once(db: Database, shop: tuple[str, str]) -> None:
    maria, joao = (Actor(id=new_id(), role="agent") for _ in range(2))
    for person in (maria, joao):
        await make_person(db, person, "Alguém")
    first, second, other = [await written_by(db, shop[1], phone()) for _ in range(3)]

    async def counts() -> dict[str, int]:
        request = pb.CountAssignedRequest(user_ids=[maria.id, joao.id])
        async with db.read() as session:
            return dict((await tallies.count_assigned(session, IDENTITY, request)).counts)

    assert await counts() == {}
    for conversation in (first, second):
        await give(db, conversation, maria)
    await give(db, other, JOAO)
    assert await counts() == {maria.id: 2}
    await give(db, first, joao)
    assert await counts() == {maria.id: 1, joao.id: 1}
    await change(db, second, status="closed")
    assert await counts() == {joao.id: 1}


@pytest.mark.parametrize(
    ("text", "is_found"),
    [
        ("jose", True),
        ("JOSÉ alv", True),
        ("alvares", True),
        ("lvar", True),
        ("orçamento", True),
        ("ORCAM", True),
        ("Zé", False),
        ("alvares silva", False),
        ("%", False),
        ("_", False),
    ],
)
async def test_people_are_found_by_name_and_last_message(
    db: Database, shop: tuple[str, str], text: str, is_found: bool
) -> None:
    id, name = shop
    conversation = await written_by(db, name, phone(), "Quero um orçamento", name="José Álvares")

    assert await ids(db, SUPERVISOR, instance_id=id, search=text) == ([conversation] if is_found else [])


async def test_a_number_is_found_by_any_part_and_spelling(db: Database, shop: tuple[str, str]) -> None:
    id, name = shop
    conversation = await written_by(db, name, "551188887777")

    for text in ("5511988887777", "+55 (11) 98888-7777", "551188887777", "8888-7777", "7777"):
        assert await ids(db, SUPERVISOR, instance_id=id, search=text) == [conversation], text


async def test_older_messages_are_found_where_it_is_asked_for(db: Database, shop: tuple[str, str]) -> None:
    id, name = shop
    number = phone()
    conversation = await written_by(db, name, number, "Comprei uma bicicleta azul")
    await written_by(db, name, number, "Obrigado", at=1795459380)

    assert await ids(db, SUPERVISOR, instance_id=id, search="bicicleta") == []
    found = await listed(
        db, SUPERVISOR, instance_id=id, search="bici azul", search_messages=True, include=["counts"]
    )
    assert [one.id for one in found.conversations] == [conversation]
    assert (found.total_count, found.unread_count, found.waiting_count) == (1, 1, 1)


async def test_a_common_word_is_walked_with_the_same_result(
    db: Database, shop: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    id, name = shop
    made = [await written_by(db, name, phone(), f"pedido {n}", at=1795459370 + n) for n in range(5)]
    await written_by(db, name, phone(), "outra coisa")
    looked_up = await ids(db, SUPERVISOR, instance_id=id, search="pedido", search_messages=True)
    monkeypatch.setattr("services.messaging.search.COMMON", 2)

    walked = await ids(db, SUPERVISOR, instance_id=id, search="pedido", search_messages=True)

    assert looked_up == walked == made[::-1]


async def test_a_filter_that_makes_no_sense_is_named(db: Database) -> None:
    with pytest.raises(Invalid) as refused:
        await listed(db, SUPERVISOR, assigned_to="ninguém")

    assert "assignedTo" in refused.value.fields
