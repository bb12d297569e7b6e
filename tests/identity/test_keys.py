"""Keys: rotated without anybody noticing, sealed where they lie."""

from collections.abc import Callable

import jwt
import orjson
import pytest

from services.identity import config, keys
from services.kit.crypto import Unreadable
from services.kit.db import Database
from services.kit.settings import vault
from services.kit.tokens import People
from tests.identity.people import GATEWAY, login, register, rows, together


def kid(token: str) -> str:
    return str(jwt.get_unverified_header(token)["kid"])


async def rotate(db: Database) -> str:
    async with db.begin() as session:
        return await keys.rotate(session)


async def published(db: Database) -> list[str]:
    return [key["kid"] for key in orjson.loads(await keys.publish(db))["keys"]]


async def test_what_is_published_is_public(db: Database) -> None:
    document = orjson.loads(await keys.publish(db))

    (key,) = document["keys"]
    assert set(key) == {"kid", "kty", "crv", "use", "alg", "x"}
    assert (key["kty"], key["crv"], key["alg"]) == ("OKP", "Ed25519", "EdDSA")


async def test_starting_again_makes_no_second_key(db: Database) -> None:
    async def start() -> None:
        async with db.begin() as session:
            await keys.ensure(session)

    await together(*(start() for _ in range(5)))

    assert len(await published(db)) == 1


async def test_a_new_key_is_known_before_it_signs(db: Database, pass_time: Callable[[float], None]) -> None:
    old = kid((await register(db)).access_token)
    new = await rotate(db)
    people = People(lambda: keys.publish(db))

    early = (await login(db)).access_token
    pass_time(46)
    late = (await login(db)).access_token

    assert (kid(early), kid(late)) == (old, new)
    assert await people.verify(early)
    assert await people.verify(late)


async def test_nobody_is_logged_out_by_a_new_key(db: Database, pass_time: Callable[[float], None]) -> None:
    token = (await register(db)).access_token
    await rotate(db)
    pass_time(3500)

    assert await People(lambda: keys.publish(db)).verify(token)


async def test_an_old_key_goes_when_its_last_token_has(
    db: Database, pass_time: Callable[[float], None]
) -> None:
    (old,) = await published(db)
    new = await rotate(db)
    before = await published(db)
    pass_time(3600 + 45 + 121)

    await keys.forget(db)

    assert before == [new, old]
    assert await published(db) == [new]
    assert len(await rows(db, "select id from signing_keys")) == 1


async def test_rotating_twice_at_once_gives_two_keys_in_order(db: Database) -> None:
    made = await together(rotate(db), rotate(db))

    found = await rows(db, "select id, generation from signing_keys order by generation")
    assert [row.generation for row in found] == [1, 2, 3]
    assert {row.id for row in found} > set(made)


async def test_a_private_key_does_not_open_in_another_row(db: Database) -> None:
    await rotate(db)
    first, second = await rows(db, "select id, private_key from signing_keys")
    async with db.begin() as session:
        await session.run(keys.RESEAL, id=first.id, private=second.private_key)
        await session.run(keys.RESEAL, id=second.id, private=first.private_key)

    with pytest.raises(Unreadable):
        await register(db)


async def test_a_new_master_secret_opens_what_the_last_one_sealed(
    db: Database, set_variable: Callable[[str, str], None]
) -> None:
    async with db.begin() as session:
        await config.write(session, GATEWAY, {"crm_token": "segredo"})
    set_variable("JWT_SECRET_PREVIOUS", vault().secret)
    set_variable("JWT_SECRET", "another secret, just as long as that")
    assert (await register(db)).access_token

    async with db.begin() as session:
        for module in (keys, config):
            await module.reseal(session)
    set_variable("JWT_SECRET_PREVIOUS", "")

    assert (await login(db)).access_token
    async with db.read() as session:
        assert await config.value(session, "crm_token") == "segredo"
