"""Revocations: every gateway knows within moments, wherever they were made."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from protos import identity_pb2 as pb
from services.identity import members, revocations, sessions
from services.kit.db import Database
from tests.identity.people import (
    BIA,
    GATEWAY,
    admin_and_agent,
    bearer,
    claims,
    login,
    refresh,
    register,
    rows,
    run,
)


@pytest.fixture
async def replica(urls: dict[str, str]) -> AsyncIterator[Database]:
    database = Database(urls["identity"], schema="identity")
    await database.open()
    yield database
    await database.close()


class Listener:
    """What one gateway has heard so far."""

    def __init__(self) -> None:
        self.heard: list[pb.Revocation] = []
        self.caught_up = asyncio.Event()

    async def listen(self, db: Database) -> None:
        async for revocation in revocations.watch(db, GATEWAY, pb.WatchRevocationsRequest()):
            self.heard.append(revocation)
            if revocation.caught_up:
                self.caught_up.set()

    async def hears(self, session: str = "", user: str = "") -> float:
        """Seconds until it did."""
        started = time.perf_counter()
        while not any((one.session_id, one.user_id) == (session, user) for one in self.heard):
            assert time.perf_counter() - started < 5, self.heard
            await asyncio.sleep(0.005)
        return time.perf_counter() - started


@asynccontextmanager
async def listening(db: Database) -> AsyncIterator[Listener]:
    listener = Listener()
    task = asyncio.create_task(listener.listen(db))
    await listener.caught_up.wait()
    yield listener
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_logout_is_heard_on_every_replica_within_half_a_second(
    db: Database, replica: Database
) -> None:
    reply = await register(db)

    async with listening(db) as one, listening(replica) as other:
        await run(db, sessions.logout, bearer(reply.access_token), pb.LogoutRequest())
        ended = claims(reply.access_token)["sid"]
        waited = [await one.hears(session=ended), await other.hears(session=ended)]

    assert max(waited) < 0.5


async def test_whoever_starts_to_listen_hears_first_what_was_before(db: Database) -> None:
    reply = await register(db)
    await run(db, sessions.logout, bearer(reply.access_token), pb.LogoutRequest())

    async with listening(db) as listener:
        before, caught_up = listener.heard[:2]

    assert before.session_id == claims(reply.access_token)["sid"]
    assert caught_up.caught_up


async def test_a_revocation_that_commits_late_is_not_missed(db: Database, replica: Database) -> None:
    ana, bia = await admin_and_agent(db)

    async with listening(replica) as listener:
        async with db.begin() as slow:
            await revocations.end_tokens(slow, ana.id)
            async with db.begin() as quick:
                await revocations.end_tokens(quick, bia.id)
            await listener.hears(user=bia.id)
            await asyncio.sleep(0.3)

        await listener.hears(user=ana.id)


async def test_while_it_listens_a_gateway_hears_everything_once(db: Database) -> None:
    reply = await register(db)

    async with listening(db) as listener:
        await run(db, sessions.logout, bearer(reply.access_token), pb.LogoutRequest())
        await listener.hears(session=claims(reply.access_token)["sid"])
        await asyncio.sleep(0.4)

    assert len(listener.heard) == 2


async def test_when_nobody_listens_nobody_asks(db: Database) -> None:
    async with listening(db):
        assert db in revocations._listeners

    assert db not in revocations._listeners


async def test_a_role_ends_the_tokens_issued_so_far_and_no_later_ones(db: Database) -> None:
    ana, bia = await admin_and_agent(db)
    before = await login(db, BIA)

    async with listening(db) as listener:
        await run(db, members.change_role, ana, pb.ChangeRoleRequest(user_id=bia.id, role="supervisor"))
        after = await refresh(db, before.refresh_token)
        await listener.hears(user=bia.id)

    (told,) = [one for one in listener.heard if one.user_id == bia.id]
    assert claims(before.access_token)["iat"] <= told.issued_before
    assert claims(after.access_token)["iat"] > told.issued_before


async def test_a_token_under_issue_cannot_slip_past_a_new_role(db: Database) -> None:
    ana, bia = await admin_and_agent(db)
    signed_in = await login(db, BIA)

    async with db.begin() as session:
        await members.change_role(session, ana, pb.ChangeRoleRequest(user_id=bia.id, role="supervisor"))
        waiting = asyncio.create_task(refresh(db, signed_in.refresh_token))
        await asyncio.sleep(0.2)
        assert not waiting.done()

    assert claims((await waiting).access_token)["role"] == "supervisor"


async def test_what_no_living_token_can_match_is_forgotten(db: Database) -> None:
    ana, bia = await admin_and_agent(db)
    async with db.begin() as session:
        await revocations.end_tokens(session, ana.id)
        await revocations.end_tokens(session, bia.id)
        await session.run(
            "update revocations set created_at = now() - interval '3 hours' where user_id = %(id)s", id=ana.id
        )

    await revocations.forget(db)

    assert [row.user_id for row in await rows(db, "select user_id from revocations")] == [bia.id]
