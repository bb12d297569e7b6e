"""Who may come in, and the first one."""

import pytest

from services.identity import config, hashing, registration
from services.kit.db import Database
from services.kit.errors import TooMany
from tests.identity.people import ANA, BIA, GATEWAY, PASSWORD, emitted, login, register, rows, together


async def configure(db: Database, **values: object) -> None:
    async with db.begin() as session:
        await config.write(session, GATEWAY, values)


async def test_the_first_to_register_is_an_approved_admin_with_tokens(db: Database) -> None:
    reply = await register(db, " Ana@Empresa.com.br ", full_name="")

    assert (reply.user.email, reply.user.full_name) == (ANA, "ana")
    assert (reply.user.role, reply.user.is_approved) == ("admin", True)
    assert reply.access_token
    assert reply.refresh_token
    assert await emitted(db) == ["user_registered"]


async def test_the_second_is_an_agent(db: Database) -> None:
    await register(db)

    reply = await register(db, BIA)

    assert (reply.user.role, reply.user.is_approved) == ("agent", True)


async def test_of_fifty_first_registrations_one_becomes_admin(db: Database) -> None:
    replies = await together(*(register(db, f"p{number}@empresa.com.br") for number in range(50)))

    assert sorted(reply.user.role for reply in replies) == ["admin"] + ["agent"] * 49


async def test_of_fifty_registrations_of_one_email_one_succeeds(db: Database) -> None:
    replies = await together(*(register(db) for _ in range(50)))

    assert [reply.user.role for reply in replies if hasattr(reply, "user")] == ["admin"]
    assert len(await rows(db, "select id from profiles")) == 1


async def test_an_email_registers_once_in_any_case(db: Database) -> None:
    await register(db)

    with pytest.raises(registration.UserExists) as refused:
        await register(db, "ANA@empresa.com.br")

    assert (refused.value.status, refused.value.name) == (400, "USER_EXISTS")


async def test_whoever_keeps_asking_for_taken_emails_is_slowed_down(db: Database) -> None:
    await register(db)

    replies = [(await together(register(db)))[0] for _ in range(11)]

    assert [type(reply) for reply in replies] == [registration.UserExists] * 10 + [TooMany]


async def test_whoever_registered_can_log_in(db: Database) -> None:
    await register(db)

    reply = await login(db, "Ana@empresa.com.br")

    assert reply.user.full_name == "Ana Souza"
    assert reply.expires_in == 3600


@pytest.mark.parametrize("password", ["cinco", "", "x" * 73, "ç" * 37])
async def test_a_password_has_6_characters_and_at_most_72_octets(db: Database, password: str) -> None:
    with pytest.raises((hashing.PasswordTooShort, hashing.PasswordTooLong)) as refused:
        await register(db, password=password)

    assert refused.value.status == 400


async def test_passwords_are_told_apart_to_their_last_octet(db: Database) -> None:
    await register(db, password="x" * 71 + "a")

    replies = await together(login(db, password="x" * 71 + "b"), login(db, password="x" * 71 + "a"))

    assert [hasattr(reply, "access_token") for reply in replies] == [False, True]


async def test_where_accounts_need_approval_a_newcomer_gets_no_tokens(db: Database) -> None:
    await register(db)
    await configure(db, require_account_approval="true")

    reply = await register(db, BIA)

    assert reply.user.is_approved is False
    assert not reply.HasField("access_token")
    assert len(await rows(db, "select id from auth_sessions")) == 1


async def test_the_first_needs_no_approval_and_no_domain(db: Database) -> None:
    await configure(
        db,
        require_account_approval=True,
        restrict_signup_by_domain=True,
        allowed_email_domains=["outra.com.br"],
    )

    reply = await register(db)

    assert (reply.user.role, reply.user.is_approved) == ("admin", True)


@pytest.mark.parametrize("domains", [["Empresa.com.br"], "outra.com, @empresa.com.br"])
async def test_only_emails_of_the_allowed_domains_register(db: Database, domains: object) -> None:
    await register(db)
    await configure(db, restrict_signup_by_domain=True, allowed_email_domains=domains)

    inside, below, outside, lookalike = await together(
        register(db, "a@empresa.com.br"),
        register(db, "b@sul.empresa.com.br"),
        register(db, "c@fora.com.br"),
        register(db, "d@naoempresa.com.br"),
    )

    assert inside.user.role == below.user.role == "agent"
    assert isinstance(outside, registration.EmailDomainNotAllowed)
    assert isinstance(lookalike, registration.EmailDomainNotAllowed)


async def test_no_password_is_stored_or_announced(db: Database) -> None:
    await register(db)

    (stored,) = await rows(db, "select password_hash from user_passwords")
    bodies = await rows(db, "select body from outbox")

    assert stored.password_hash.startswith("$2b$10$")
    assert not any(PASSWORD.encode() in row.body for row in bodies)
