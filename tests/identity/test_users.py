"""People, as they and their colleagues see them."""

import asyncio
import base64
from typing import Any

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from protos import identity_pb2 as pb
from services.identity import members, users
from services.kit import replicas
from services.kit.actor import Actor
from services.kit.db import Database
from services.kit.errors import Invalid
from services.kit.tables import new_id
from tests.identity.people import ANA, BIA, GATEWAY, admin_and_agent, emitted, register, rows, run

pytestmark = pytest.mark.usefixtures("messaging")

ATTENDED = """
    insert into tallies (instance_id, status, conversation_mode, assigned_to, is_unread, is_waiting, amount)
    values (gen_random_uuid(), 'active', 'human', %(person)s, false, false, 2)
"""
NOBODY = Actor(id=new_id(), role="agent")


async def names(db: Database, **filters: Any) -> list[str]:
    reply = await users.list_users(db, GATEWAY, pb.ListUsersRequest(**filters))
    return [user.full_name for user in reply.users]


async def update(db: Database, actor: Actor, **values: Any) -> pb.UpdateMyProfileResponse:
    """With a body that holds these keys; None is null."""
    present = {name: value for name, value in values.items() if value is not None}
    request = pb.UpdateMyProfileRequest(update_mask=FieldMask(paths=[*values]), **present)
    return await run(db, users.update_my_profile, actor, request)


async def test_one_sees_oneself(db: Database) -> None:
    ana, _ = await admin_and_agent(db)

    me = await run(db, users.get_me, ana, pb.GetMeRequest())
    profile = (await run(db, users.get_my_profile, ana, pb.GetMyProfileRequest())).profile

    assert (me.id, me.email, me.role, me.is_active, me.is_approved) == (ana.id, ANA, "admin", True, True)
    assert (profile.id, profile.full_name, profile.status) == (ana.id, "Ana Souza", "online")
    assert profile.created_at.endswith("Z")


async def test_one_sees_a_colleague(db: Database) -> None:
    ana, bia = await admin_and_agent(db)

    reply = await run(db, users.get_user, bia, pb.GetUserRequest(id=ana.id))

    assert (reply.user.id, reply.user.email, reply.user.role) == (ana.id, ANA, "admin")


async def test_nobody_is_not_found(db: Database) -> None:
    with pytest.raises(users.UserNotFound, match="User not found"):
        await run(db, users.get_user, NOBODY, pb.GetUserRequest(id=new_id()))
    with pytest.raises(users.UserNotFound):
        await run(db, users.get_me, NOBODY, pb.GetMeRequest())
    with pytest.raises(users.ProfileNotFound, match="Profile not found"):
        await run(db, users.get_my_profile, NOBODY, pb.GetMyProfileRequest())
    with pytest.raises(users.UserNotFound):
        await update(db, NOBODY, status="away")


async def test_colleagues_are_listed_by_name_without_those_who_are_out(db: Database) -> None:
    ana, bia = await admin_and_agent(db)
    await register(db, "carla@empresa.com.br", "Carla")
    await register(db, "davi@empresa.com.br", "Davi")
    await run(db, members.deactivate, ana, pb.UserRequest(user_id=bia.id))
    async with db.begin() as session:
        await session.run("update profiles set is_approved = false where full_name = 'Davi'")

    assert await names(db) == ["Ana Souza", "Carla"]


async def test_colleagues_are_listed_as_names_are_looked_up(db: Database) -> None:
    for number, name in enumerate(("Zeca", "álvaro", "Élcio", "Alice", "bruno", "Édson")):
        await register(db, f"p{number}@empresa.com.br", name)

    shown, cursor = list[str](), ""
    while len(shown) < 6:
        reply = await users.list_users(db, GATEWAY, pb.ListUsersRequest(limit=2, cursor=cursor or None))
        shown += [user.full_name for user in reply.users]
        cursor = reply.pagination.next_cursor

    assert shown == ["Alice", "álvaro", "bruno", "Édson", "Élcio", "Zeca"]


async def test_colleagues_can_be_searched(db: Database) -> None:
    ana, _ = await admin_and_agent(db)
    await register(db, "carla@outra.com.br", "Carla 100%")
    await update(db, ana, status="busy")

    assert await names(db, search="SOUZA") == ["Ana Souza"]
    assert await names(db, search="@outra") == ["Carla 100%"]
    assert await names(db, search="%") == ["Carla 100%"]
    assert await names(db, role="admin") == ["Ana Souza"]
    assert await names(db, status="busy") == ["Ana Souza"]
    assert await names(db, role="supervisor") == []


async def test_the_list_goes_on_where_it_ended(db: Database) -> None:
    for number in range(5):
        await register(db, f"p{number}@empresa.com.br", f"Pessoa {number % 2}")

    first = await users.list_users(db, GATEWAY, pb.ListUsersRequest(limit=2, include=["total"]))
    second = await users.list_users(
        db, GATEWAY, pb.ListUsersRequest(limit=2, cursor=first.pagination.next_cursor)
    )
    third = await users.list_users(db, GATEWAY, pb.ListUsersRequest(limit=2, page=3))

    shown = [user.email for reply in (first, second, third) for user in reply.users]
    assert len({*shown}) == 5
    assert first.pagination.total == 5
    assert (second.pagination.has_more, third.pagination.has_more) == (True, False)


async def workload(db: Database) -> dict[str, int | None]:
    reply = await users.list_users(db, GATEWAY, pb.ListUsersRequest())
    return {
        user.email: user.active_conversations if user.HasField("active_conversations") else None
        for user in reply.users
    }


async def test_the_list_says_how_many_conversations_each_attends(
    db: Database, databases: dict[str, Database]
) -> None:
    _, bia = await admin_and_agent(db)
    async with databases["messaging"].begin() as session:
        await session.run(ATTENDED, person=bia.id)

    assert await workload(db) == {ANA: 0, BIA: 2}


async def test_the_list_does_not_wait_for_messaging(db: Database, messaging: grpc.aio.Server) -> None:
    await admin_and_agent(db)
    await messaging.stop(None)

    async with asyncio.timeout(replicas.PATIENCE):
        found = await workload(db)

    assert found == {ANA: None, BIA: None}


async def test_a_cursor_of_another_list_is_refused(db: Database) -> None:
    with pytest.raises(Invalid):
        await names(db, cursor="not a cursor")
    with pytest.raises(Invalid):
        await names(db, cursor=base64.urlsafe_b64encode(b'["one"]').decode())


async def test_one_changes_what_one_names_and_nothing_else(db: Database) -> None:
    _, bia = await admin_and_agent(db)
    await update(db, bia, avatar_url="https://empresa.com.br/bia.png")

    reply = await update(db, bia, full_name="Beatriz Lima", status="away")

    assert reply.success
    assert (reply.profile.full_name, reply.profile.status) == ("Beatriz Lima", "away")
    assert reply.profile.avatar_url == "https://empresa.com.br/bia.png"
    assert reply.profile.role == "agent"
    assert (await emitted(db)).count("user_updated") == 2


@pytest.mark.parametrize("cleared", [None, ""])
async def test_null_clears_the_picture_and_nothing_else(db: Database, cleared: str | None) -> None:
    _, bia = await admin_and_agent(db)
    await update(db, bia, avatar_url="avatars/bia.png")

    reply = await update(db, bia, avatar_url=cleared, full_name=None, status=None)

    assert not reply.profile.HasField("avatar_url")
    assert (reply.profile.full_name, reply.profile.status) == ("Bia Lima", "online")


async def test_a_change_that_changes_nothing_is_not_announced(db: Database) -> None:
    _, bia = await admin_and_agent(db)

    await update(db, bia, status="online")

    assert "user_updated" not in await emitted(db)


async def test_the_announcement_says_what_changed(db: Database) -> None:
    _, bia = await admin_and_agent(db)

    await update(db, bia, status="away", full_name="Bia Lima")

    (row,) = await rows(db, "select body, key from outbox order by id desc limit 1")
    event = pb.UserUpdated.FromString(row.body)
    assert ([*event.changed], event.user.status, row.key) == (["status"], "away", bia.id)


async def test_services_ask_for_people(db: Database) -> None:
    ana, bia = await admin_and_agent(db)
    carla = await register(db, "carla@empresa.com.br", "Carla")
    await run(db, members.deactivate, ana, pb.UserRequest(user_id=bia.id))

    async def people(**filters: Any) -> list[str]:
        reply = await run(db, users.get_people, GATEWAY, pb.GetPeopleRequest(**filters))
        return [person.email for person in reply.people]

    assert await people() == [ANA, BIA, "carla@empresa.com.br"]
    assert await people(ids=[bia.id, new_id()]) == [BIA]
    assert await people(roles=["agent"], eligible=True) == [carla.user.email]
    assert await people(ids=[bia.id], eligible=True) == []
