"""Passwords: set by an administrator, or renewed with a link."""

import re
from collections.abc import Callable

import pytest

from protos import identity_pb2 as pb
from services.identity import hashing, members, passwords, users
from services.identity.logins import InvalidCredentials
from services.identity.passwords import InvalidResetToken
from services.identity.renewals import InvalidRefreshToken
from services.kit.db import Database
from services.kit.errors import TooMany
from services.kit.settings import vault
from services.kit.tables import new_id
from tests.identity.people import (
    ADDRESS,
    ANA,
    BIA,
    GATEWAY,
    admin_and_agent,
    bearer,
    claims,
    emitted,
    login,
    refresh,
    register,
    rows,
    run,
    together,
)

NEW = "outra senha longa"


async def reset(db: Database, user: str, password: str = NEW) -> pb.ResetPasswordResponse:
    ana = await register(db, "chefe@empresa.com.br")
    request = pb.ResetPasswordRequest(user_id=user, new_password=password)
    return await passwords.reset(db, bearer(ana.access_token), request)


async def ask(db: Database, email: str = ANA, address: str = ADDRESS) -> None:
    request = pb.ForgotPasswordRequest(email=email, client_address=address)
    assert (await passwords.forgot(db, GATEWAY, request)).success


async def link(db: Database, email: str = ANA) -> str:
    """The token of the link that somebody who asks for one finds in their mail."""
    async with db.begin() as session:
        await passwords.offer(session, pb.PasswordForgotten(email=email))
    (letter,) = await rows(db, "select id, body from mails order by created_at desc, id desc limit 1")
    text = vault().open(f"mails|{letter.id}|body", letter.body)
    found = re.search(r"https://app\.empresa\.com\.br/reset-password/([\w-]{43})\n", text)
    assert found, text
    return found[1]


async def renew(db: Database, token: str, password: str = NEW) -> pb.SuccessResponse:
    request = pb.RenewPasswordRequest(token=token, password=password, client_address=ADDRESS)
    return await passwords.renew(db, GATEWAY, request)


async def test_after_a_reset_the_new_password_opens_and_the_old_one_does_not(db: Database) -> None:
    ana = await register(db)

    reply = await reset(db, ana.user.id)

    assert (reply.success, reply.message) == (True, "Password reset successfully")
    assert (await login(db, password=NEW)).access_token
    with pytest.raises(InvalidCredentials):
        await login(db)


async def test_a_reset_ends_every_session_and_every_token(db: Database) -> None:
    ana = await register(db)
    other = await login(db)

    await reset(db, ana.user.id)

    for token in (ana.refresh_token, other.refresh_token):
        with pytest.raises(InvalidRefreshToken):
            await refresh(db, token)
    revoked = await rows(db, "select session_id, user_id from revocations")
    assert {row.session_id or row.user_id for row in revoked} == {
        claims(ana.access_token)["sid"],
        claims(other.access_token)["sid"],
        ana.user.id,
    }
    assert "password_reset" in await emitted(db)


async def test_a_person_without_a_password_gets_one(db: Database) -> None:
    ana = await register(db)
    async with db.begin() as session:
        await session.run("delete from user_passwords")

    await reset(db, ana.user.id)

    assert (await login(db, password=NEW)).access_token


async def test_nobody_resets_the_password_of_nobody(db: Database) -> None:
    with pytest.raises(users.UserNotFound):
        await reset(db, new_id())


async def test_a_reset_obeys_the_rules_of_passwords(db: Database) -> None:
    ana = await register(db)

    with pytest.raises(hashing.PasswordTooShort) as refused:
        await reset(db, ana.user.id, "cinco")

    assert "newPassword" in refused.value.fields


async def test_asking_for_a_link_answers_alike_whoever_asks(db: Database) -> None:
    await register(db)

    await ask(db, ANA)
    await ask(db, "ninguem@empresa.com.br")

    assert (await emitted(db)).count("password_forgotten") == 2
    assert not await rows(db, "select id from mails")


async def test_nobody_gets_a_link_without_an_account(db: Database) -> None:
    async with db.begin() as session:
        await passwords.offer(session, pb.PasswordForgotten(email="ninguem@empresa.com.br"))

    assert not await rows(db, "select id from mails")


async def test_whoever_was_shut_out_gets_no_link(db: Database) -> None:
    ana, bia = await admin_and_agent(db)
    await run(db, members.deactivate, ana, pb.UserRequest(user_id=bia.id))

    async with db.begin() as session:
        await passwords.offer(session, pb.PasswordForgotten(email=BIA))

    assert not await rows(db, "select id from mails")


async def test_a_mailbox_cannot_be_flooded_with_links(db: Database) -> None:
    asked = [(await together(ask(db, address=f"10.0.{number}.1")))[0] for number in range(26)]

    assert asked[:25] == [None] * 25
    assert isinstance(asked[25], TooMany)


async def test_a_link_sets_a_new_password_once(db: Database) -> None:
    ana = await register(db)
    token = await link(db)

    await renew(db, token)

    assert (await login(db, password=NEW)).access_token
    with pytest.raises(InvalidRefreshToken):
        await refresh(db, ana.refresh_token)
    with pytest.raises(InvalidResetToken):
        await renew(db, token)


async def test_of_twenty_that_use_a_link_at_once_one_succeeds(db: Database) -> None:
    await register(db)
    token = await link(db)

    replies = await together(*(renew(db, token, f"{NEW} {number}") for number in range(20)))

    assert [reply.success for reply in replies if isinstance(reply, pb.SuccessResponse)] == [True]


async def test_using_one_link_spends_the_others(db: Database) -> None:
    await register(db)
    first, second = await link(db), await link(db)
    await renew(db, second)

    with pytest.raises(InvalidResetToken):
        await renew(db, first)


async def test_a_link_lives_an_hour(db: Database, pass_time: Callable[[float], None]) -> None:
    await register(db)
    token = await link(db)
    pass_time(3601)

    with pytest.raises(InvalidResetToken) as refused:
        await renew(db, token)
    await passwords.forget(db)

    assert refused.value.status == 400
    assert not await rows(db, "select hash from password_reset_tokens")


async def test_guessing_links_is_slowed_down(db: Database) -> None:
    guesses = [(await together(renew(db, f"guess {number}")))[0] for number in range(31)]

    assert isinstance(guesses[29], InvalidResetToken)
    assert isinstance(guesses[30], TooMany)


async def test_the_link_itself_is_nowhere_in_the_database(db: Database) -> None:
    await register(db)
    token = await link(db)

    found = await rows(
        db,
        """
        select t::text as line from password_reset_tokens t union all select m::text from mails m
        union all select encode(body, 'escape') from outbox
        """,
    )

    assert not any(token in row.line for row in found)
