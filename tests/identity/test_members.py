"""Members, as administrators change them."""

from typing import Any

import pytest

from protos import identity_pb2 as pb
from services.identity import config, members
from services.identity.logins import InvalidCredentials
from services.identity.members import LastAdmin, OwnAccount
from services.identity.renewals import InvalidRefreshToken
from services.identity.sessions import AccountDeactivated, PendingApproval
from services.identity.users import UserNotFound
from services.kit.actor import Actor
from services.kit.db import Database
from services.kit.tables import new_id
from tests.identity.people import (
    ANA,
    BIA,
    GATEWAY,
    admin_and_agent,
    bearer,
    emitted,
    login,
    refresh,
    register,
    rows,
    run,
    together,
)


async def act(db: Database, fn: Any, actor: Actor, user: str) -> pb.UserResponse:
    reply: pb.UserResponse = await run(db, fn, actor, pb.UserRequest(user_id=user))
    return reply


async def give(db: Database, actor: Actor, user: str, role: str) -> pb.ChangeRoleResponse:
    return await run(db, members.change_role, actor, pb.ChangeRoleRequest(user_id=user, role=role))


async def emails(db: Database, **filters: Any) -> list[str]:
    reply = await run(db, members.list_all_users, GATEWAY, pb.ListAllUsersRequest(**filters))
    return [user.email for user in reply.users]


async def test_an_approved_person_gets_in(db: Database) -> None:
    ana, _ = await admin_and_agent(db)
    async with db.begin() as session:
        await config.write(session, ana, {"require_account_approval": True})
    waiting = await register(db, "carla@empresa.com.br")
    with pytest.raises(PendingApproval):
        await login(db, "carla@empresa.com.br")

    reply = await act(db, members.approve, ana, waiting.user.id)

    assert (reply.success, reply.user.is_approved) == (True, True)
    assert (await login(db, "carla@empresa.com.br")).access_token


async def test_approving_twice_is_announced_once(db: Database) -> None:
    ana, bia = await admin_and_agent(db)
    async with db.begin() as session:
        await session.run("update profiles set is_approved = false where email = %(email)s", email=BIA)
    await act(db, members.approve, ana, bia.id)

    await act(db, members.approve, ana, bia.id)

    assert (await emitted(db)).count("user_approved") == 1


async def test_whoever_is_shut_out_stays_out_until_let_in_again(db: Database) -> None:
    ana, bia = await admin_and_agent(db)
    token = (await login(db, BIA)).refresh_token

    shut_out = await act(db, members.deactivate, ana, bia.id)
    with pytest.raises(AccountDeactivated):
        await login(db, BIA)
    let_in = await act(db, members.activate, ana, bia.id)

    assert (shut_out.user.is_active, shut_out.user.status, let_in.user.is_active) == (False, "offline", True)
    assert (await login(db, BIA)).access_token
    with pytest.raises(InvalidRefreshToken):
        await refresh(db, token)


async def test_shutting_out_and_letting_in_are_announced_once_each(db: Database) -> None:
    ana, bia = await admin_and_agent(db)

    for fn in (members.deactivate, members.deactivate, members.activate, members.activate):
        await act(db, fn, ana, bia.id)

    assert (await emitted(db))[-2:] == ["user_deactivated", "user_reactivated"]


async def test_nobody_shuts_themselves_out(db: Database) -> None:
    ana, _ = await admin_and_agent(db)

    with pytest.raises(OwnAccount) as refused:
        await act(db, members.deactivate, ana, ana.id)

    assert refused.value.status == 400


@pytest.mark.parametrize("fn", [members.approve, members.deactivate, members.activate])
async def test_nobody_is_not_found(db: Database, fn: Any) -> None:
    ana, _ = await admin_and_agent(db)

    with pytest.raises(UserNotFound):
        await act(db, fn, ana, new_id())
    with pytest.raises(UserNotFound):
        await give(db, ana, new_id(), "agent")


async def test_a_new_role_is_given_and_announced_once(db: Database) -> None:
    ana, bia = await admin_and_agent(db)

    replies = [await give(db, ana, bia.id, "supervisor") for _ in range(2)]

    assert [(reply.success, reply.role) for reply in replies] == [(True, "supervisor")] * 2
    assert (await emitted(db)).count("role_changed") == 1
    assert len(await rows(db, "select id from revocations")) == 1


async def test_the_last_admin_stays_one(db: Database) -> None:
    ana, bia = await admin_and_agent(db)

    with pytest.raises(LastAdmin):
        await give(db, ana, ana.id, "agent")
    with pytest.raises(LastAdmin):
        await act(db, members.deactivate, bia, ana.id)
    assert (await give(db, ana, ana.id, "admin")).role == "admin"


async def test_an_admin_who_is_out_or_waits_does_not_count(db: Database) -> None:
    ana, bia = await admin_and_agent(db)
    await give(db, ana, bia.id, "admin")
    async with db.begin() as session:
        await session.run("update profiles set is_approved = false where email = %(email)s", email=BIA)

    with pytest.raises(LastAdmin):
        await give(db, ana, ana.id, "agent")


async def test_of_two_admins_who_remove_each_other_at_once_one_stays(db: Database) -> None:
    for number in range(10):
        ana, bia = [
            bearer((await register(db, f"{name}{number}@empresa.com.br")).access_token) for name in "ab"
        ]
        async with db.begin() as session:
            await session.run(
                "update profiles set role = case when id = any(%(two)s) then 'admin' else 'agent' end",
                two=[ana.id, bia.id],
            )

        replies = await together(act(db, members.deactivate, ana, bia.id), give(db, bia, ana.id, "agent"))

        assert sorted(isinstance(reply, LastAdmin) for reply in replies) == [False, True]


async def test_a_login_and_a_shutting_out_at_once_leave_nobody_inside(db: Database) -> None:
    ana, bia = await admin_and_agent(db)

    reply, _ = await together(login(db, BIA), act(db, members.deactivate, ana, bia.id))

    assert isinstance(reply, AccountDeactivated | InvalidCredentials | pb.LoginResponse)
    assert not await rows(
        db,
        "select id from auth_sessions where user_id = %(id)s and revoked_at is null",
        id=bia.id,
    )


async def test_everybody_is_listed_newest_first(db: Database) -> None:
    ana, bia = await admin_and_agent(db)
    await register(db, "carla@empresa.com.br", "Carla")
    await act(db, members.deactivate, ana, bia.id)

    assert await emails(db) == ["carla@empresa.com.br", BIA, ANA]
    assert await emails(db, is_active=False) == [BIA]
    assert await emails(db, is_active=True, role="agent") == ["carla@empresa.com.br"]
    assert await emails(db, is_approved=False) == []
    assert await emails(db, search="carla") == ["carla@empresa.com.br"]


async def test_the_list_of_everybody_goes_on_where_it_ended(db: Database) -> None:
    for number in range(5):
        await register(db, f"p{number}@empresa.com.br")

    first = await run(db, members.list_all_users, GATEWAY, pb.ListAllUsersRequest(limit=3))
    second = await run(
        db,
        members.list_all_users,
        GATEWAY,
        pb.ListAllUsersRequest(limit=3, cursor=first.pagination.next_cursor, include=["total"]),
    )

    shown = [user.email for reply in (first, second) for user in reply.users]
    assert shown == [f"p{number}@empresa.com.br" for number in (4, 3, 2, 1, 0)]
    assert (second.pagination.has_more, second.pagination.total) == (False, 5)
