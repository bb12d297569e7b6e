"""Every route of the table with every kind of caller: who is let in is what the table says, and no more."""

import asyncio
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from gateway.auth import Revocations, admit
from gateway.routes import ADMINS, ANYONE, PUBLIC, ROUTES, SUPERVISORS, Route
from services.kit.errors import Unavailable
from services.kit.tables import new_id
from services.kit.tokens import People
from tests.gateway.conftest import Staff
from tests.gateway.house import PASSWORD, Front, House

CALLERS = ("anonymous", "forged", "deactivated", "demoted", "agent", "supervisor", "admin")
ENDS_THE_SESSION = {"/api/auth/logout"}
LISTED = {  # who may call what, besides the routes that are for any role
    "public": {
        "POST /api/auth/register",
        "POST /api/auth/login",
        "POST /api/auth/refresh",
        "POST /api/auth/forgot-password",
        "POST /api/auth/reset-password",
        "POST /api/team/accept-invite/{token}",
    },
    "admin": {
        "POST /api/knowledge/optimize",
        "POST /api/admin/reset-password/{userId}",
        "POST /api/admin/approve-user/{userId}",
        "POST /api/admin/deactivate-user/{userId}",
        "POST /api/admin/activate-user/{userId}",
        "POST /api/admin/change-role/{userId}",
        "POST /api/setup/config",
        "POST /api/setup/infrastructure",
    },
    "supervisor": {
        "POST /api/whatsapp/instances/{id}/test",
        "POST /api/whatsapp/contacts/fix-names",
        "POST /api/whatsapp/contacts/sync-profiles",
        "POST /api/campaigns",
        "POST /api/campaigns/{id}/send",
        "POST /api/campaigns/process-scheduled",
        "POST /api/campaigns/{id}/cancel",
        "DELETE /api/leads/{id}",
        "POST /api/escalations/distribute",
        "POST /api/meetings/reminders/process",
        "POST /api/knowledge/manage",
        "PUT /api/knowledge/manage/{id}",
        "DELETE /api/knowledge/manage/{id}",
        "GET /api/admin/users",
        "POST /api/team/invite",
        "GET /api/team/invites",
        "DELETE /api/team/invites/{id}",
    },
}
ROLES = {"public": PUBLIC, "admin": ADMINS, "supervisor": SUPERVISORS}


@dataclass
class Cast:
    tokens: dict[str, str | None]


@pytest.fixture(scope="module")
async def cast(front: Front, staff: Staff) -> Cast:
    """A token for each kind of caller; the deactivated and the demoted had theirs before it happened."""
    gone, lower = await front.join(), await front.join()
    for path, body in (
        (f"/api/admin/deactivate-user/{gone['user']['id']}", {}),
        (f"/api/admin/change-role/{lower['user']['id']}", {"role": "supervisor"}),
    ):
        answer = await front.call("POST", path, body, token=staff.admin)
        assert answer.status_code == 200, answer.text
    await asyncio.sleep(1.5)
    return Cast(
        {
            "anonymous": None,
            "forged": staff.admin[:-10] + "AAAAAAAAAA",
            "deactivated": gone["accessToken"],
            "demoted": lower["accessToken"],
            "agent": staff.agent,
            "supervisor": staff.supervisor,
            "admin": staff.admin,
        }
    )


def name(route: Route) -> str:
    return f"{route.method} {route.path}"


def path(route: Route) -> str:
    """With an id in it that nobody has."""
    parts = [
        "x.png" if part.endswith(":path}") else new_id() if part.startswith("{") else part
        for part in route.path.split("/")
    ]
    return "/".join(parts)


async def ask(front: Front, route: Route, token: str | None) -> httpx2.Response:
    body: Any = {} if route.method in ("POST", "PUT") else None
    return await front.call(route.method, path(route), body, token=token)


def expected(route: Route, caller: str) -> int | None:
    """The status of somebody who is not let in; None for who is."""
    if not route.roles:
        return None
    if caller in ("anonymous", "forged", "deactivated", "demoted"):
        return 401
    return None if caller in route.roles else 403


@pytest.mark.parametrize("caller", CALLERS)
async def test_who_is_let_in_is_what_the_table_says(front: Front, cast: Cast, caller: str) -> None:
    wrong = {}
    for route in ROUTES:
        if route.path in ENDS_THE_SESSION and expected(route, caller) is None:
            continue
        answer = await ask(front, route, cast.tokens[caller])
        wanted = expected(route, caller)
        code = answer.json().get("code") if answer.content else ""
        at_the_door = answer.status_code == 401 or (answer.status_code == 403 and code == "forbidden")
        fine = answer.status_code == wanted if wanted else not (at_the_door and route.roles)
        if not fine or answer.status_code == 500:
            wrong[name(route)] = (answer.status_code, code)

    assert wrong == {}


async def test_nobody_is_let_in_before_it_is_known_who_was_shut_out(house: House) -> None:
    identity = house.peer("identity")
    people, revocations = People(identity.keys), Revocations(identity)
    with pytest.raises(Unavailable):
        await admit(f"Bearer {house.admin}", ANYONE, people, revocations)

    following = asyncio.create_task(revocations.follow())
    await asyncio.wait_for(revocations.caught_up.wait(), 10)

    assert (await admit(f"Bearer {house.admin}", ANYONE, people, revocations))["role"] == "admin"
    following.cancel()
    await identity.close()


@pytest.mark.parametrize("listed", LISTED)
def test_the_table_says_what_was_agreed(listed: str) -> None:
    routes = {name(route): route.roles for route in ROUTES}

    assert {
        one: routes[one] for one in LISTED[listed] if one in routes and routes[one] != ROLES[listed]
    } == {}


def test_nothing_else_is_public() -> None:
    assert {name(route) for route in ROUTES if not route.roles} <= LISTED["public"]


def test_every_route_is_for_a_known_circle() -> None:
    assert {route.roles for route in ROUTES} <= {PUBLIC, ANYONE, SUPERVISORS, ADMINS}


async def test_somebody_unapproved_gets_no_token_at_all(front: Front, staff: Staff) -> None:
    config = {"config": {"require_account_approval": True}}
    assert (await front.call("POST", "/api/setup/config", config, token=staff.admin)).status_code == 200
    person = {"email": f"{new_id()}@empresa.com.br", "password": PASSWORD}
    try:
        registered = await front.call("POST", "/api/auth/register", person)
        refused = await front.call("POST", "/api/auth/login", person)
    finally:
        config["config"]["require_account_approval"] = False
        await front.call("POST", "/api/setup/config", config, token=staff.admin)

    assert not registered.json().get("accessToken")
    assert (refused.status_code, refused.json()["code"]) == (403, "PENDING_APPROVAL")
