"""How many requests a caller may make: exactly so many, whichever replica is asked."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import limits
from gateway.limits import Limiter
from tests.gateway import house as houses
from tests.gateway.house import Front, House

LIMIT = 100


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
async def strict(house: House) -> AsyncIterator[Front]:
    """Two gateways with the contract's limit."""
    async with houses.opened(house, replicas=2) as front:
        yield front


async def test_one_person_with_many_tokens_gets_exactly_the_limit_from_two_replicas(strict: Front) -> None:
    joined = await strict.join()
    login = {"email": joined["user"]["email"], "password": houses.PASSWORD}
    answers = [await strict.call("POST", "/api/auth/login", login) for _ in range(4)]
    tokens = [joined["accessToken"], *(answer.json()["accessToken"] for answer in answers)]

    answers = await asyncio.gather(
        *(strict.call("GET", "/api/auth/me", token=tokens[n % 5]) for n in range(3 * LIMIT))
    )

    assert Counter(answer.status_code for answer in answers) == {200: LIMIT, 429: 2 * LIMIT}


async def test_people_are_counted_apart_and_both_replicas_count(strict: Front) -> None:
    people = [await strict.join() for _ in range(8)]

    answers = [await strict.call("GET", "/api/auth/me", token=one["accessToken"]) for one in people]

    assert {answer.headers["ratelimit-remaining"] for answer in answers} == {str(LIMIT - 1)}


async def test_somebody_unknown_is_counted_by_address_whatever_token_or_address_is_made_up(
    strict: Front,
) -> None:
    def disguise(number: int) -> dict[str, str]:
        return {
            "authorization": f"Bearer made-up-{number}",
            "x-forwarded-for": f"198.51.100.{number % 250}",
            "x-client-address": f"198.51.100.{number % 250}",
            "x-caller-id": f"{number}",
        }

    answers = await asyncio.gather(
        *(strict.call("GET", "/api/auth/me", headers=disguise(n)) for n in range(3 * LIMIT))
    )

    counts = Counter(answer.status_code for answer in answers)
    assert counts[401] <= LIMIT
    assert counts[401] + counts[429] == 3 * LIMIT


async def test_a_refused_request_says_when_to_come_back_and_health_is_never_refused(strict: Front) -> None:
    for _ in range(LIMIT + 1):
        answer = await strict.call("GET", "/api/nothing/here")

    assert answer.status_code == 429
    assert answer.json()["code"] == "too_many_requests"
    assert 0 < int(answer.headers["retry-after"]) <= 903
    assert answer.headers["ratelimit-limit"] == str(LIMIT)
    assert answer.headers["ratelimit-remaining"] == "0"
    assert answer.headers["ratelimit-policy"] == f"{LIMIT};w=900"
    for path in ("/health", "/readyz", "/.well-known/jwks.json"):
        assert (await strict.call("GET", path)).status_code == 200
    assert (await strict.call("POST", "/api/whatsapp/webhooks/evolution", {})).status_code != 429
    preflight = {"origin": "http://localhost:5173", "access-control-request-method": "GET"}
    assert (await strict.call("OPTIONS", "/api/users", headers=preflight)).status_code == 204
    refused = await strict.call("GET", "/api/users", headers={"origin": "http://localhost:5173"})
    assert refused.headers["access-control-allow-origin"] == "http://localhost:5173"
    assert "RateLimit-Reset" in refused.headers["access-control-expose-headers"]


@given(st.lists(st.floats(0, 40), min_size=1, max_size=300))
def test_no_window_holds_more_than_the_limit(pauses: list[float]) -> None:
    clock = Clock()
    limiter = Limiter(10, 60, clock)
    times = []
    for pause in pauses:
        clock.now += pause
        if limiter.take("somebody").allowed:
            times.append(clock.now)

    for begin in times:
        assert sum(begin <= at < begin + 60 for at in times) <= 10


def test_who_waits_as_long_as_told_is_let_in() -> None:
    clock = Clock()
    limiter = Limiter(3, 900, clock)
    for _ in range(3):
        clock.now += 7
        limiter.take("somebody")
    refused = limiter.take("somebody")

    clock.now += refused.reset

    assert not refused.allowed
    assert limiter.take("somebody").allowed


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "REMEMBERED", 10)
    limiter = Limiter(1, 900)

    for number in range(100):
        limiter.take(str(number))

    assert len(limiter._counts) == 10
    assert not limiter.take("99").allowed
