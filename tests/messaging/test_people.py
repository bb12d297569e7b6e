"""People as identity has them, whatever its events come in for an order; who leaves attends nobody."""

from collections.abc import Iterator
from typing import Any

import pytest

from protos import identity_pb2
from services.identity import users
from services.kit.actor import service
from services.kit.db import Database
from services.kit.tables import new_id
from services.messaging import assignments, peers, people
from tests.messaging.builders import announced, inbox, make_instance, phone, thread, written_by
from tests.support import SUPERVISOR


class Identity:
    """The real function on identity's own database, without the wire."""

    def __init__(self, db: Database) -> None:
        self.db = db

    async def GetPeople(self, request: Any) -> Any:
        async with self.db.read() as session:
            return await users.get_people(session, service("messaging"), request)


@pytest.fixture
def identity(databases: dict[str, Database]) -> Iterator[Database]:
    peers.identity = Identity(databases["identity"])  # type: ignore[assignment]
    yield databases["identity"]
    del peers.identity


async def known(db: Database, id: str) -> tuple[str, bool] | None:
    async with db.read() as session:
        row = await session.first("select full_name, is_active from people where id = %(id)s", id=id)
    return (row.full_name, row.is_active) if row else None


async def somebody(identity: Database, name: str = "Bia Lima") -> str:
    id = new_id()
    async with identity.begin() as session:
        await session.run(
            "insert into profiles (id, email, full_name, role, is_active, is_approved)"
            " values (%(id)s, %(email)s, %(name)s, 'agent', true, true)",
            id=id,
            email=f"{id}@empresa.com.br",
            name=name,
        )
    return id


async def change(identity: Database, id: str, assignment: str) -> None:
    async with identity.begin() as session:
        await session.run(
            f"update profiles set {assignment}, updated_at = updated_at + interval '1 second'"
            " where id = %(id)s",
            id=id,
        )


async def test_whatever_comes_last_the_newest_state_stays(db: Database, identity: Database) -> None:
    id = await somebody(identity)
    stale = Frozen(await Identity(identity).GetPeople(identity_pb2.GetPeopleRequest(ids=[id])))

    await change(identity, id, "full_name = 'Bia Souza'")
    await people.follow_changes(db, identity_pb2.UserUpdated(user_id=id))
    peers.identity = stale  # type: ignore[assignment]
    await people.remember(db, identity_pb2.UserRegistered(user_id=id))

    assert await known(db, id) == ("Bia Souza", True)


async def test_who_leaves_gives_back_what_is_open(db: Database, identity: Database) -> None:
    id = await somebody(identity)
    await people.remember(db, identity_pb2.UserRegistered(user_id=id))
    name = f"saida-{phone()}"
    instance = await make_instance(db, name)
    conversations = [await written_by(db, name, phone()) for _ in range(3)]
    async with db.begin() as session:
        for conversation in conversations:
            await assignments.give(session, SUPERVISOR, conversation, id, None)

    await change(identity, id, "is_active = false")
    for _ in range(2):
        await people.follow_leaving(db, identity_pb2.UserDeactivated(user_id=id))

    assert await known(db, id) == ("Bia Lima", False)
    assert [one.assigned_to for one in await inbox(db, instance_id=instance)] == [""] * 3
    assert (await announced(db, conversations[0])).count("conversation_assigned") == 2
    assert "devolvida à fila" in (await thread(db, conversations[0]))[-1].content


class Frozen:
    """An answer of a while ago."""

    def __init__(self, reply: identity_pb2.GetPeopleResponse) -> None:
        self.reply = reply

    async def GetPeople(self, request: Any) -> Any:
        return self.reply
