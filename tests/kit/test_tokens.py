"""Access tokens, as every service checks them."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import jwt
import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.kit import clock
from services.kit.clock import now
from services.kit.errors import Unauthenticated
from services.kit.tokens import AUDIENCE, ISSUER, People

KEY = Ed25519PrivateKey.generate()
STRANGER = Ed25519PrivateKey.generate()


def token(key: Any = KEY, headers: dict[str, Any] | None = None, **claims: Any) -> str:
    issued = now().timestamp()
    fields = {
        "sub": "someone",
        "sid": "a session",
        "role": "agent",
        "iat": issued,
        "exp": int(issued) + 3600,
        "iss": ISSUER,
        "aud": AUDIENCE,
        **claims,
    }
    present = {name: value for name, value in fields.items() if value is not None}
    algorithm = "HS256" if isinstance(key, str) else "EdDSA"
    return jwt.encode(present, key, algorithm, {"typ": "at+jwt", "kid": "one", **(headers or {})})


def keys(*names: str) -> Callable[[], Awaitable[str]]:
    public = jwt.algorithms.OKPAlgorithm.to_jwk(KEY.public_key(), as_dict=True)

    async def fetch() -> str:
        return orjson.dumps({"keys": [{**public, "kid": name, "alg": "EdDSA"} for name in names]}).decode()

    return fetch


@pytest.mark.parametrize(
    "forged",
    [
        token(STRANGER),
        token("a secret that both sides might have known"),
        token(headers={"kid": "unknown"}),
        token(headers={"kid": "../../etc/passwd"}),
        token(headers={"typ": "service+jwt"}),
        token(iss="somebody else"),
        token(aud="another house"),
        token(sub=None),
        token(sid=None),
        token(iat="yesterday"),
        token(exp=now().timestamp() - 31),
        token(iat=now().timestamp() + 3600),
        token(exp=None),
        jwt.encode({"sub": "someone"}, "", "none"),
        "not.a.token",
        "",
        "x" * 100_000,
    ],
)
async def test_what_is_not_ours_is_refused(forged: str) -> None:
    people = People(keys("one"))

    with pytest.raises(Unauthenticated):
        await people.verify(forged)


async def test_ours_is_taken_with_half_a_minute_of_leeway() -> None:
    people = People(keys("one"))

    claims = await people.verify(token(exp=now().timestamp() - 25))

    assert claims["sub"] == "someone"


async def test_unknown_keys_cost_one_fetch() -> None:
    fetched = []

    async def fetch() -> str:
        fetched.append(1)
        return await keys("one")()

    people = People(fetch)

    for number in range(20):
        with pytest.raises(Unauthenticated):
            await people.verify(token(headers={"kid": f"unknown {number}"}))

    assert len(fetched) == 1


async def test_tokens_follow_the_clock_that_rules_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    people = People(keys("one"))
    todays = token()
    await people.verify(todays)
    offset = tmp_path / "offset"
    offset.write_text("86400")
    monkeypatch.setenv("CONVO_CLOCK_FILE", str(offset))
    monkeypatch.setattr(clock, "_offset", 0.0)
    monkeypatch.setattr(clock, "_checked", -1.0)

    tomorrows = await people.verify(token())

    assert tomorrows["sub"] == "someone"
    with pytest.raises(Unauthenticated):
        await people.verify(todays)
