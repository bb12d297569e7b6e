"""Refresh tokens: kept by default, rotated on wish, and what happens when a spent one comes back."""

from collections.abc import Callable

import pytest

from protos import identity_pb2 as pb
from services.identity import members, renewals, sessions
from services.identity.renewals import InvalidRefreshToken
from services.kit.db import Database
from services.kit.errors import TooMany
from tests.identity.people import (
    ANA,
    BIA,
    admin_and_agent,
    claims,
    emitted,
    login,
    refresh,
    register,
    rows,
    run,
    together,
)


async def test_a_client_that_does_not_rotate_keeps_its_token(db: Database) -> None:
    token = (await register(db)).refresh_token

    replies = [await refresh(db, token) for _ in range(3)]

    assert {reply.refresh_token for reply in replies} == {token}
    assert len({reply.access_token for reply in replies}) == 3
    assert replies[0].expires_in == 3600


async def test_a_refreshed_token_belongs_to_the_same_session(db: Database) -> None:
    reply = await register(db)

    fresh = await refresh(db, reply.refresh_token)

    assert claims(fresh.access_token)["sid"] == claims(reply.access_token)["sid"]


@pytest.mark.parametrize("token", ["", "invented", "x" * 5000])
async def test_what_identity_did_not_issue_is_refused(db: Database, token: str) -> None:
    with pytest.raises((InvalidRefreshToken, renewals.NoRefreshToken)) as refused:
        await refresh(db, token)

    assert refused.value.status == 401


async def test_an_access_token_is_no_refresh_token(db: Database) -> None:
    reply = await register(db)

    with pytest.raises(InvalidRefreshToken):
        await refresh(db, reply.access_token)


async def test_guessing_refresh_tokens_is_slowed_down_while_real_ones_work(db: Database) -> None:
    token = (await register(db)).refresh_token

    guesses = [(await together(refresh(db, f"guess {number}")))[0] for number in range(31)]
    real = await refresh(db, token)

    assert isinstance(guesses[-1], TooMany)
    assert real.access_token


async def test_a_rotated_token_has_one_successor_however_many_ask_at_once(db: Database) -> None:
    token = (await register(db)).refresh_token

    replies = await together(*(refresh(db, token, rotate=True) for _ in range(50)))

    successors = {reply.refresh_token for reply in replies}
    assert len(successors) == 1
    assert successors != {token}
    assert len(await rows(db, "select hash from refresh_tokens")) == 2
    assert (await refresh(db, successors.pop())).access_token


async def test_a_client_that_missed_the_answer_gets_it_again(
    db: Database, pass_time: Callable[[float], None]
) -> None:
    token = (await register(db)).refresh_token
    lost = await refresh(db, token, rotate=True)
    pass_time(9)

    again = await refresh(db, token, rotate=True)

    assert again.refresh_token == lost.refresh_token


async def test_a_spent_token_that_comes_back_late_ends_the_family(
    db: Database, pass_time: Callable[[float], None]
) -> None:
    token = (await register(db)).refresh_token
    successor = (await refresh(db, token, rotate=True)).refresh_token
    pass_time(11)

    replies = await together(refresh(db, token))
    replies += await together(refresh(db, successor))

    assert [type(reply) for reply in replies] == [InvalidRefreshToken] * 2
    assert "session_revoked" in await emitted(db)
    (revocation,) = await rows(db, "select session_id, user_id from revocations")
    assert revocation.session_id


async def test_a_grandparent_ends_the_family_at_once(db: Database) -> None:
    first = (await register(db)).refresh_token
    second = (await refresh(db, first, rotate=True)).refresh_token
    third = (await refresh(db, second, rotate=True)).refresh_token

    replies = await together(refresh(db, first))
    replies += await together(refresh(db, third))

    assert [type(reply) for reply in replies] == [InvalidRefreshToken] * 2


async def test_a_theft_on_one_device_leaves_the_others_signed_in(
    db: Database, pass_time: Callable[[float], None]
) -> None:
    stolen = (await register(db)).refresh_token
    other = (await login(db)).refresh_token
    await refresh(db, stolen, rotate=True)
    pass_time(11)
    await together(refresh(db, stolen))

    assert (await refresh(db, other)).access_token


@pytest.mark.parametrize(("mode", "asked", "changes"), [("always", False, True), ("never", True, False)])
async def test_the_house_can_decide_about_rotation(
    db: Database, set_variable: Callable[[str, str], None], mode: str, asked: bool, changes: bool
) -> None:
    set_variable("AUTH_ROTATE_REFRESH", mode)
    token = (await register(db)).refresh_token

    reply = await refresh(db, token, rotate=asked)

    assert (reply.refresh_token != token) is changes


async def test_a_token_that_is_not_rotated_lives_seven_days(
    db: Database, pass_time: Callable[[float], None]
) -> None:
    token = (await register(db)).refresh_token
    pass_time(7 * 86_400 - 5)
    await refresh(db, token)
    pass_time(10)

    with pytest.raises(InvalidRefreshToken):
        await refresh(db, token)


async def test_a_family_that_rotates_lives_thirty_days(
    db: Database, pass_time: Callable[[float], None]
) -> None:
    token = (await register(db)).refresh_token
    for _ in range(5):
        pass_time(6 * 86_400 - 10)
        token = (await refresh(db, token, rotate=True)).refresh_token
    pass_time(60)

    with pytest.raises(InvalidRefreshToken):
        await refresh(db, token)


async def test_a_new_role_is_in_the_next_token(db: Database) -> None:
    ana, bia = await admin_and_agent(db)
    token = (await login(db, BIA)).refresh_token
    await run(db, members.change_role, ana, pb.ChangeRoleRequest(user_id=bia.id, role="supervisor"))

    fresh = await refresh(db, token)

    assert claims(fresh.access_token)["role"] == "supervisor"


async def test_whoever_was_shut_out_is_told_so(db: Database) -> None:
    ana, bia = await admin_and_agent(db)
    token = (await login(db, BIA)).refresh_token
    await run(db, members.deactivate, ana, pb.UserRequest(user_id=bia.id))

    with pytest.raises(sessions.AccountDeactivated):
        await refresh(db, token)


async def test_the_database_holds_no_usable_token(db: Database) -> None:
    reply = await register(db)
    successor = await refresh(db, reply.refresh_token, rotate=True)

    dump = await rows(
        db,
        """
        select string_agg(line, ' ') as text from (
            select t::text as line from refresh_tokens t union all select s::text from auth_sessions s
            union all select encode(body, 'escape') from outbox union all select k::text from signing_keys k
        ) as lines
        """,
    )

    assert ANA in dump[0].text
    for token in (reply.refresh_token, successor.refresh_token, reply.access_token):
        assert token not in dump[0].text
