"""S3: one successor for one refresh token, the end of the family for a stolen one, and every end at once."""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import psycopg

from services.kit.tables import new_id
from tests.bench.office import PASSWORD, Office, opened
from tests.e2e.stack import stopped
from tests.faults.ground import percentile
from tests.faults.rolling import listens_on
from tests.support import open_folder

PARALLEL = 50
AT_ONCE, WITHOUT_NATS = 1.0, 5.0
TOO_LATE = 6.0
LATER = 11.0  # seconds, when the predecessor may not come again
UNHEARD = """
    create function identity.unheard() returns trigger language plpgsql as 'begin return null; end';
    create trigger unheard before insert on identity.revocations
        for each row execute function identity.unheard()
"""
ENDS = ("logout", "session", "role", "password", "deactivated")


@dataclass
class Verdict:
    rounds: int = 0
    successors: int = 0  # more than one for a token, or none that lives
    accused: int = 0  # honest clients that were taken for thieves, or were left without an answer
    undetected: int = 0  # thieves that got something, or left the family alive
    unheard: int = 0  # ends of which some gateway did not hear in time
    heard_p99: float = 0.0
    heard_without_nats: float = 0.0  # the slowest

    @property
    def is_clean(self) -> bool:
        wrong = self.successors + self.accused + self.undetected + self.unheard
        late = self.heard_p99 > AT_ONCE or self.heard_without_nats > WITHOUT_NATS
        return self.rounds > 0 and not wrong and not late


@dataclass
class House:
    office: Office
    client: httpx2.AsyncClient
    clock: Path
    gateways: list[str]


@asynccontextmanager
async def house() -> AsyncIterator[House]:
    """Two replicas of everything, and a clock that can be moved."""
    with open_folder() as folder:
        clock = folder / "clock"
        clock.write_text("0")
        async with (
            opened(REPLICAS="2", CONVO_CLOCK_FILE=str(clock), AUTH_FAILURES="1000000") as office,
            httpx2.AsyncClient(timeout=30, trust_env=False) as client,
        ):
            ports = [listens_on(one) for one in office.stack.members("gateway")]
            yield House(office, client, clock, [f"http://127.0.0.1:{port}" for port in ports])


async def run(seed: int, rounds: int) -> Verdict:
    async with house() as place:
        return await torture(place, seed, rounds)


async def control() -> Verdict:
    """Whoever ends something does not tell the gateways."""
    async with house() as place:
        url = place.office.stack.database_url()
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
            await connection.execute(UNHEARD)
        verdict = Verdict(rounds=1)
        await _end(place, await _login(place, "admin@empresa.com.br"), "logout", verdict)
        return verdict


async def torture(place: House, seed: int, rounds: int) -> Verdict:
    chance, verdict, waits = random.Random(seed), Verdict(rounds=rounds), list[float]()
    for number in range(rounds):
        admin = await _login(place, "admin@empresa.com.br")
        person = await _hire(place, admin)
        await _race(place, await _login(place, person["email"]), verdict)
        await _thefts(place, person["email"], chance, verdict)
        await _crash(place, await _login(place, person["email"]), verdict)
        for how in ENDS:
            waits.append(await _end(place, admin, how, verdict, person))
        if number % 5 == 0:
            with stopped(place.office.stack.members("nats")):
                tokens = await _login(place, "admin@empresa.com.br")
                wait = await _end(place, tokens, "logout", verdict)
            verdict.heard_without_nats = max(verdict.heard_without_nats, round(wait, 3))
    verdict.heard_p99 = round(percentile(waits, 0.99), 3)
    return verdict


async def _login(place: House, email: str) -> dict[str, Any]:
    return await place.office.stack.call("POST", "/api/auth/login", {"email": email, "password": PASSWORD})


async def _hire(place: House, admin: dict[str, Any]) -> dict[str, Any]:
    body = {"email": f"{new_id()}@empresa.com.br", "password": PASSWORD, "fullName": "Bia"}
    made = await place.office.stack.call("POST", "/api/auth/register", body, expect=201)
    path = f"/api/admin/approve-user/{made['user']['id']}"
    await place.office.stack.call("POST", path, {}, token=admin["accessToken"])
    return {**body, "id": made["user"]["id"]}


async def _refresh(place: House, token: str) -> tuple[int, str]:
    body = {"refreshToken": token, "rotate": True}
    try:
        answer = await place.client.post(f"{place.office.stack.url}/api/auth/refresh", json=body)
    except httpx2.TransportError:
        return 599, ""
    return answer.status_code, answer.json().get("refreshToken", "") if answer.is_success else ""


async def _race(place: House, tokens: dict[str, Any], verdict: Verdict) -> None:
    """Fifty at once get the same successor, and it lives."""
    answers = await asyncio.gather(*(_refresh(place, tokens["refreshToken"]) for _ in range(PARALLEL)))
    verdict.accused += sum(status != 200 for status, _ in answers)
    found = {token for _, token in answers if token}
    lives = len(found) == 1 and (await _refresh(place, found.pop()))[0] == 200
    verdict.successors += not lives


async def _thefts(place: House, email: str, chance: random.Random, verdict: Verdict) -> None:
    """A predecessor that comes late, or a grandparent at any time, ends the family."""
    first = (await _login(place, email))["refreshToken"]
    _, second = await _refresh(place, first)
    last = second
    if chance.random() < 0.5:
        place.clock.write_text(str(float(place.clock.read_text()) + LATER))
        await asyncio.sleep(1.2)
    else:
        _, last = await _refresh(place, second)
    stolen, _ = await _refresh(place, first)
    alive, _ = await _refresh(place, last)
    verdict.undetected += (stolen, alive) != (401, 401)


async def _crash(place: House, tokens: dict[str, Any], verdict: Verdict) -> None:
    """A client that never got its answer asks again."""
    asking = [asyncio.create_task(_refresh(place, tokens["refreshToken"])) for _ in range(5)]
    await asyncio.sleep(0.01)
    place.office.stack.kill("identity")
    answers = await asyncio.gather(*asking)
    found = {token for _, token in answers if token}
    for _ in range(60):
        status, token = await _refresh(place, tokens["refreshToken"])
        if status == 200:
            break
        await asyncio.sleep(0.1)
    verdict.accused += status != 200
    verdict.successors += len(found | {token}) != 1


async def _end(
    place: House, tokens: dict[str, Any], how: str, verdict: Verdict, person: dict[str, Any] | None = None
) -> float:
    """Until the last gateway refuses the access token of what was ended."""
    call = place.office.stack.call
    admin, victim = tokens["accessToken"], tokens
    if person:
        victim = await _login(place, person["email"])
    token = victim["accessToken"]
    assert not await _refused(place, token, 0.0)
    match how:
        case "logout":
            await call("POST", "/api/auth/logout", {}, token=token)
        case "session":
            listed = (await call("GET", "/api/auth/sessions", token=token))["sessions"]
            own = next(one["id"] for one in listed if one["isCurrent"])
            await call("DELETE", f"/api/auth/sessions/{own}", token=token)
        case "role":
            path = f"/api/admin/change-role/{(person or {})['id']}"
            await call("POST", path, {"role": "supervisor"}, token=admin)
        case "password":
            await call(
                "POST",
                f"/api/admin/reset-password/{(person or {})['id']}",
                {"newPassword": PASSWORD},
                token=admin,
            )
        case "deactivated":
            await call("POST", f"/api/admin/deactivate-user/{(person or {})['id']}", {}, token=admin)
    wait = await _refused(place, token, TOO_LATE)
    verdict.unheard += wait >= TOO_LATE
    return wait


async def _refused(place: House, token: str, within: float) -> float:
    """Seconds until all of them refuse it; 0 if one takes it and nobody waits."""
    began = time.monotonic()
    while True:
        answers = await asyncio.gather(
            *(
                place.client.get(f"{gateway}/api/auth/me", headers={"authorization": f"Bearer {token}"})
                for gateway in place.gateways
            )
        )
        if all(answer.status_code == 401 for answer in answers):
            return max(time.monotonic() - began, 0.001)
        if time.monotonic() - began > within:
            return within
        await asyncio.sleep(0.01)
