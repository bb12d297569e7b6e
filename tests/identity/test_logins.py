"""Logins: who gets tokens, who does not, and how often one may try."""

import asyncio
import time
from collections.abc import Callable

import pytest

from protos import identity_pb2 as pb
from services.identity import hashing, keys, logins, members, sessions
from services.kit.db import Database
from services.kit.errors import Refusal, TooMany
from services.kit.tokens import People
from tests.identity.people import (
    ADDRESS,
    ANA,
    BIA,
    admin_and_agent,
    claims,
    emitted,
    login,
    register,
    rows,
    run,
    together,
)

ELSEWHERE = "203.0.113.9"


async def outcome(db: Database, email: str = ANA, **more: str) -> str:
    try:
        await login(db, email, **more)
    except Refusal as refusal:
        return refusal.name
    return "ok"


async def test_a_token_says_who_signed_in_and_every_service_can_check_it(db: Database) -> None:
    registered = await register(db)

    reply = await login(db, user_agent="Firefox")

    found = await People(lambda: keys.publish(db)).verify(reply.access_token)
    assert found["sub"] == found["userId"] == registered.user.id
    assert (found["email"], found["role"], found["iss"]) == (ANA, "admin", "convo-insight")
    assert found["exp"] - found["iat"] == pytest.approx(3600, abs=1)
    assert found["sid"] != claims(registered.access_token)["sid"]
    assert "user_logged_in" in await emitted(db)
    assert ("Firefox", ADDRESS) in await rows(db, "select user_agent, address from auth_sessions")


async def test_wrong_passwords_and_unknown_accounts_get_the_same_answer(db: Database) -> None:
    await register(db)

    wrong, unknown = await together(login(db, password="errada"), login(db, "ninguem@empresa.com.br"))

    assert type(wrong) is type(unknown) is logins.InvalidCredentials
    assert (wrong.status, wrong.message) == (unknown.status, unknown.message) == (401, "Invalid credentials")


async def test_wrong_passwords_and_unknown_accounts_cost_the_same_work(db: Database) -> None:
    await register(db)
    seconds: dict[str, list[float]] = {ANA: [], "ninguem@empresa.com.br": []}

    for number in range(20):
        for email, taken in seconds.items():
            started = time.process_time()  # other processes are not counted
            await outcome(db, email, password="errada", client_address=f"10.0.0.{number}")
            taken.append(time.process_time() - started)

    known, unknown = (min(taken) for taken in seconds.values())
    assert known / unknown == pytest.approx(1, abs=0.2)


async def test_whoever_waits_for_approval_is_told_so(db: Database) -> None:
    await register(db)
    async with db.begin() as session:
        await session.run("update profiles set is_approved = false")

    with pytest.raises(sessions.PendingApproval) as refused:
        await login(db)

    assert (refused.value.status, refused.value.name) == (403, "PENDING_APPROVAL")


async def test_whoever_was_shut_out_is_told_so_after_the_right_password_only(db: Database) -> None:
    ana, bia = await admin_and_agent(db)
    await run(db, members.deactivate, ana, pb.UserRequest(user_id=bia.id))

    right, wrong = await together(login(db, BIA), login(db, BIA, password="errada"))

    assert isinstance(right, sessions.AccountDeactivated)
    assert (right.status, right.name) == (403, "ACCOUNT_DEACTIVATED")
    assert isinstance(wrong, logins.InvalidCredentials)


async def test_a_password_that_nobody_can_have_is_refused_before_any_work(db: Database) -> None:
    with pytest.raises(hashing.PasswordTooLong):
        await login(db, password="x" * 73)


async def test_the_eleventh_guess_has_to_wait(db: Database, pass_time: Callable[[float], None]) -> None:
    await register(db, client_address=ELSEWHERE)
    guesses = [await outcome(db, password="errada") for _ in range(10)]

    with pytest.raises(TooMany) as refused:
        await login(db)
    pass_time(901)

    assert guesses == ["invalid_credentials"] * 10
    assert refused.value.retry_after is not None
    assert 890 <= refused.value.retry_after <= 900
    assert await outcome(db) == "ok"


async def test_of_fifty_guesses_at_once_ten_are_looked_at(db: Database) -> None:
    await register(db)

    guesses = await asyncio.gather(*(outcome(db, password="errada") for _ in range(50)))

    assert guesses.count("invalid_credentials") == 10
    assert guesses.count("too_many_requests") == 40


async def test_whoever_gets_in_has_failed_no_more_often(db: Database) -> None:
    await register(db)

    outcomes = [await outcome(db) for _ in range(12)]

    assert outcomes == ["ok"] * 12


async def test_fifty_logins_at_once_with_the_right_password_all_succeed(db: Database) -> None:
    await register(db)

    outcomes = await asyncio.gather(*(outcome(db) for _ in range(50)))

    assert outcomes == ["ok"] * 50


async def test_one_address_tries_thirty_accounts_and_no_more(db: Database) -> None:
    guesses = [await outcome(db, f"p{number}@empresa.com.br") for number in range(32)]

    assert guesses == ["invalid_credentials"] * 30 + ["too_many_requests"] * 2


async def test_strangers_cannot_lock_a_person_out_of_a_device_that_is_known(db: Database) -> None:
    await register(db)
    guesses = [
        await outcome(db, password="errada", client_address=f"10.0.{number}.1") for number in range(27)
    ]

    stranger = await outcome(db, client_address=ELSEWHERE)
    herself = await outcome(db, client_address=ADDRESS)

    assert guesses == ["invalid_credentials"] * 25 + ["too_many_requests"] * 2
    assert (stranger, herself) == ("too_many_requests", "ok")


async def test_a_colleague_cannot_lock_the_office_out(db: Database) -> None:
    await admin_and_agent(db)
    for number in range(31):
        await outcome(db, f"p{number}@empresa.com.br")

    assert await outcome(db, BIA) == "ok"


async def test_when_too_many_wait_for_a_hash_the_next_is_asked_to_come_back(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await register(db)
    monkeypatch.setattr(hashing, "_room", asyncio.Semaphore(2))

    outcomes = await asyncio.gather(*(outcome(db) for _ in range(6)))

    assert set(outcomes) == {"ok", "busy"}


async def test_a_password_that_is_changed_during_a_login_does_not_open(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await register(db)
    looked_at = hashing.matches

    async def slow(password: str, hash: str | None) -> bool:
        same = await looked_at(password, hash)
        async with db.begin() as session:
            await session.run("update user_passwords set password_hash = 'another'")
        return same

    monkeypatch.setattr(hashing, "matches", slow)

    assert await outcome(db) == "invalid_credentials"
