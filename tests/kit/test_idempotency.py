"""The same request twice: one effect, the same answer, whoever asks at the same time or dies in between."""

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from protos import messaging_pb2 as pb
from services.kit import context, idempotency, retention
from services.kit.actor import Actor
from services.kit.clock import now
from services.kit.crypto import Vault
from services.kit.db import Database, Session
from services.kit.errors import Conflict, Refusal, Unavailable
from services.kit.idempotency import KeyReused, Replayed, StillAtWork
from services.kit.settings import vault
from services.kit.tables import new_id
from tests.support import JOAO, MARIA


async def read(session: Session, actor: Actor, request: pb.ReadConversationRequest) -> Any:
    """A command whose effect can be counted."""
    await session.run("insert into inbox values (%(id)s, %(once)s)", id=request.id, once=new_id())
    return pb.ReadConversationResponse(success=True, marked_count=1, message_ids=[new_id()])


async def read_slowly(db: Database, actor: Actor, request: pb.ReadConversationRequest) -> Any:
    """A workflow with the same effect."""
    await asyncio.sleep(0.1)
    async with db.begin() as session:
        return await read(session, actor, request)


async def command(
    db: Database, key: str, id: str, actor: Actor = MARIA, print: str = "a", fn: Any = read
) -> tuple[Any, bool]:
    """The answer, and whether it is a repeated one."""
    context.enter(context.Context(idempotency=(key, print)))
    try:
        async with db.begin() as session:
            request = pb.ReadConversationRequest(id=id)
            return await idempotency.in_transaction(session, actor, request, fn), False
    except Replayed as replayed:
        return replayed.reply, True


async def workflow(
    db: Database, key: str, id: str, actor: Actor = MARIA, print: str = "a", fn: Any = read_slowly
) -> tuple[Any, bool]:
    context.enter(context.Context(idempotency=(key, print)))
    try:
        return await idempotency.in_steps(db, actor, pb.ReadConversationRequest(id=id), fn), False
    except Replayed as replayed:
        return replayed.reply, True


async def effects(db: Database, id: str) -> int:
    async with db.read() as session:
        return int(await session.scalar("select count(*) from inbox where consumer = %(id)s", id=id))


async def together(*calls: Any) -> list[Any]:
    """At once, each in a task of its own; refusals are results."""
    return await asyncio.gather(*(asyncio.create_task(call) for call in calls), return_exceptions=True)


async def test_an_answer_is_repeated_after_the_secret_has_changed(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, id = new_id(), new_id()
    first, _ = await command(db, key, id)
    old = vault().secret

    monkeypatch.setattr(idempotency, "vault", lambda: Vault("another secret of thirty-two bytes", (old,)))
    again, replayed = await command(db, key, id)
    monkeypatch.setattr(idempotency, "vault", lambda: Vault("another secret of thirty-two bytes"))
    with pytest.raises(Conflict):
        await command(db, key, id)

    assert (again, replayed) == (first, True)


async def test_a_hundred_commands_at_once_have_one_effect_and_one_answer(db: Database) -> None:
    key, id = new_id(), new_id()

    results = await together(*(command(db, key, id) for _ in range(100)))

    assert await effects(db, id) == 1
    assert len({reply.SerializeToString() for reply, _ in results}) == 1
    assert Counter(replayed for _, replayed in results) == {False: 1, True: 99}


async def test_a_hundred_workflows_at_once_have_one_effect(db: Database) -> None:
    key, id = new_id(), new_id()

    results = await together(*(workflow(db, key, id) for _ in range(100)))

    assert await effects(db, id) == 1
    answers = [result for result in results if not isinstance(result, BaseException)]
    refusals = [result for result in results if isinstance(result, BaseException)]
    assert all(isinstance(refusal, StillAtWork) for refusal in refusals)
    assert len({reply.SerializeToString() for reply, _ in answers}) == 1
    reply, replayed = await workflow(db, key, id)
    assert (reply, replayed) == (answers[0][0], True)


@pytest.mark.parametrize("ask", [command, workflow])
async def test_another_body_with_the_same_key_is_refused(db: Database, ask: Any) -> None:
    key, id = new_id(), new_id()
    await ask(db, key, id)

    with pytest.raises(KeyReused):
        await ask(db, key, id, print="b")

    assert await effects(db, id) == 1


@pytest.mark.parametrize("ask", [command, workflow])
async def test_a_key_belongs_to_who_used_it(db: Database, ask: Any) -> None:
    key, id = new_id(), new_id()
    await ask(db, key, id, MARIA)

    _, replayed = await ask(db, key, id, JOAO)

    assert not replayed
    assert await effects(db, id) == 2


@pytest.mark.parametrize("ask", [command, workflow])
async def test_a_refusal_is_not_kept(db: Database, ask: Any) -> None:
    async def refuse(*_: Any) -> Any:
        raise Unavailable

    key, id = new_id(), new_id()
    with pytest.raises(Refusal):
        await ask(db, key, id, fn=refuse)

    _, replayed = await ask(db, key, id)

    assert not replayed
    assert await effects(db, id) == 1


async def test_what_died_with_its_process_may_be_done_again_after_a_while(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def die(*_: Any) -> Any:
        raise asyncio.CancelledError

    monkeypatch.setattr(idempotency, "LEASE", timedelta(seconds=0.3))
    key, id = new_id(), new_id()
    with pytest.raises(asyncio.CancelledError):
        await workflow(db, key, id, fn=die)

    with pytest.raises(StillAtWork):
        await workflow(db, key, id)
    await asyncio.sleep(0.4)
    with pytest.raises(KeyReused):
        await workflow(db, key, id, print="b")
    _, replayed = await workflow(db, key, id)

    assert not replayed
    assert await effects(db, id) == 1


async def test_a_key_is_forgotten_after_a_day(db: Database) -> None:
    key, id = new_id(), new_id()
    await command(db, key, id)
    async with db.begin() as session:
        day = now() - timedelta(hours=24, seconds=1)
        await session.run(
            "update idempotency_keys set created_at = %(at)s where key = %(key)s", at=day, key=key
        )

    _, replayed = await command(db, key, id, print="b")

    assert not replayed
    await retention.purge(db)
    assert (await command(db, key, id, print="b"))[1]


async def test_what_is_kept_is_sealed(db: Database) -> None:
    key, id = new_id(), new_id()

    reply, _ = await command(db, key, id)

    async with db.read() as session:
        kept = await session.scalar("select reply from idempotency_keys where key = %(key)s", key=key)
    assert kept
    assert reply.message_ids[0] not in kept
    assert key not in kept
