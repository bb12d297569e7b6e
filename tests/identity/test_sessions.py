"""Sessions: one's own, and their end."""

import pytest

from protos import identity_pb2 as pb
from services.identity import sessions
from services.identity.renewals import InvalidRefreshToken
from services.identity.sessions import SessionNotFound
from services.identity.users import UserNotFound
from services.kit.db import Database
from services.kit.tables import new_id
from tests.identity.people import (
    ADDRESS,
    BIA,
    admin_and_agent,
    bearer,
    claims,
    emitted,
    login,
    refresh,
    register,
    rows,
    run,
)


async def test_after_a_logout_the_refresh_token_is_dead_and_the_person_offline(db: Database) -> None:
    reply = await register(db)

    out = await run(db, sessions.logout, bearer(reply.access_token), pb.LogoutRequest())

    assert out.success
    with pytest.raises(InvalidRefreshToken):
        await refresh(db, reply.refresh_token)
    assert [row.status for row in await rows(db, "select status from profiles")] == ["offline"]


async def test_logging_out_twice_changes_nothing_more(db: Database) -> None:
    actor = bearer((await register(db)).access_token)
    await run(db, sessions.logout, actor, pb.LogoutRequest())

    out = await run(db, sessions.logout, actor, pb.LogoutRequest())

    assert out.success
    assert (await emitted(db)).count("user_logged_out") == 1
    assert len(await rows(db, "select id from revocations")) == 1


async def test_a_logout_leaves_the_other_devices_signed_in(db: Database) -> None:
    phone = await register(db)
    desk = await login(db)

    await run(db, sessions.logout, bearer(phone.access_token), pb.LogoutRequest())

    assert (await refresh(db, desk.refresh_token)).access_token


async def test_one_sees_ones_own_live_sessions(db: Database) -> None:
    await admin_and_agent(db)
    desk = await login(db, BIA, user_agent="Firefox")
    phone = await login(db, BIA, user_agent="Telefone")
    await run(db, sessions.logout, bearer(phone.access_token), pb.LogoutRequest())

    reply = await run(db, sessions.list_sessions, bearer(desk.access_token), pb.ListSessionsRequest())

    current, registered = reply.sessions
    assert (current.id, current.is_current) == (claims(desk.access_token)["sid"], True)
    assert (current.user_agent, current.address) == ("Firefox", ADDRESS)
    assert registered.is_current is False


async def test_one_ends_a_session_of_ones_own(db: Database) -> None:
    desk = await register(db)
    phone = await login(db)
    lost = pb.RevokeSessionRequest(id=claims(phone.access_token)["sid"])

    await run(db, sessions.revoke, bearer(desk.access_token), lost)

    with pytest.raises(InvalidRefreshToken):
        await refresh(db, phone.refresh_token)
    with pytest.raises(SessionNotFound):
        await run(db, sessions.revoke, bearer(desk.access_token), lost)
    assert (await emitted(db)).count("session_revoked") == 1


async def test_a_colleagues_session_does_not_exist(db: Database) -> None:
    ana, bia = await admin_and_agent(db)

    with pytest.raises(SessionNotFound):
        await run(db, sessions.revoke, bia, pb.RevokeSessionRequest(id=ana.session))


async def test_an_administrator_sees_and_ends_anybodys_sessions(db: Database) -> None:
    ana, bia = await admin_and_agent(db)
    listing = await run(db, sessions.list_user_sessions, ana, pb.ListUserSessionsRequest(user_id=bia.id))

    await run(db, sessions.revoke, ana, pb.RevokeSessionRequest(id=listing.sessions[0].id))

    assert [one.id for one in listing.sessions] == [bia.session]
    (revocation,) = await rows(db, "select session_id from revocations")
    assert revocation.session_id == bia.session


async def test_nobody_has_no_sessions_to_show(db: Database) -> None:
    ana, _ = await admin_and_agent(db)

    with pytest.raises(UserNotFound):
        await run(db, sessions.list_user_sessions, ana, pb.ListUserSessionsRequest(user_id=new_id()))


async def test_a_session_that_never_was_cannot_end(db: Database) -> None:
    ana, _ = await admin_and_agent(db)

    with pytest.raises(SessionNotFound):
        await run(db, sessions.revoke, ana, pb.RevokeSessionRequest(id=new_id()))


async def test_sessions_that_ended_long_ago_are_forgotten(db: Database) -> None:
    await admin_and_agent(db)
    async with db.begin() as session:
        await session.run("update auth_sessions set expires_at = now() - interval '91 days'")
    await login(db, BIA)

    await sessions.forget(db)

    assert len(await rows(db, "select id from auth_sessions")) == 1
    assert len(await rows(db, "select hash from refresh_tokens")) == 1
