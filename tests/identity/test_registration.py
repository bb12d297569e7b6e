"""Who may come in, and the first one."""

import pytest

from services.identity import registration
from services.kit.db import Database
from tests.identity.people import emitted, login, register, together


async def test_the_first_to_register_is_an_approved_admin_with_tokens(db: Database) -> None:
    reply = await register(db, " Ana@Empresa.com.br ", full_name="")

    assert (reply.user.email, reply.user.full_name) == ("ana@empresa.com.br", "ana")
    assert (reply.user.role, reply.user.is_approved) == ("admin", True)
    assert reply.access_token
    assert reply.refresh_token
    assert await emitted(db) == ["user_registered"]


async def test_the_second_is_an_agent(db: Database) -> None:
    await register(db)

    reply = await register(db, "bia@empresa.com.br")

    assert (reply.user.role, reply.user.is_approved) == ("agent", True)


async def test_of_fifty_first_registrations_one_becomes_admin(db: Database) -> None:
    replies = await together(*(register(db, f"p{number}@empresa.com.br") for number in range(50)))

    assert sorted(reply.user.role for reply in replies) == ["admin"] + ["agent"] * 49


async def test_of_fifty_registrations_of_one_email_one_succeeds(db: Database) -> None:
    replies = await together(*(register(db) for _ in range(50)))

    assert [reply.user.role for reply in replies if hasattr(reply, "user")] == ["admin"]


async def test_an_email_registers_once_in_any_case(db: Database) -> None:
    await register(db)

    with pytest.raises(registration.UserExists):
        await register(db, "ANA@empresa.com.br")


async def test_whoever_registered_can_log_in(db: Database) -> None:
    await register(db)

    reply = await login(db, "Ana@empresa.com.br")

    assert reply.user.full_name == "Ana Souza"
    assert reply.expires_in == 3600
