"""The team, over the wire: invited, promoted, shut out, and back with a new password."""

import asyncio
import re
import time
from typing import Any

import pytest

from services.kit.tables import new_id
from tests.e2e.conftest import PASSWORD, Office

ID = "01a20a6d-f357-76e8-9b73-3bbd6aa3d435"
SHORT = "Password must be at least 6 characters"

pytestmark = pytest.mark.timeout(240)


async def newcomer(office: Office) -> dict[str, Any]:
    """Somebody who has registered, with e-mail and tokens."""
    person = {"email": f"{new_id()}@empresa.com.br", "password": PASSWORD, "fullName": "João Lima"}
    made = await office.stack.call("POST", "/api/auth/register", person, expect=201)
    return {**person, **made["user"], **made}


async def letter(office: Office, email: str) -> str:
    """The first mail to somebody."""
    for _ in range(100):
        for path in sorted((office.stack.home / "mail").glob("*.txt")):
            if f"Para: {email}\n" in path.read_text():
                return path.read_text()
        await asyncio.sleep(0.1)
    raise AssertionError(f"no letter to {email}")


async def refused_after(office: Office, token: str) -> float:
    """Seconds until a token is worth nothing."""
    started = time.monotonic()
    while time.monotonic() - started < 5:
        headers = {"authorization": f"Bearer {token}"}
        if (await office.stack.client.get("/api/auth/me", headers=headers)).status_code == 401:
            return time.monotonic() - started
        await asyncio.sleep(0.02)
    raise AssertionError("still taken after five seconds")


async def test_an_invitation_arrives_by_mail_and_opens_the_door_once(office: Office) -> None:
    email = f"{new_id()}@empresa.com.br"
    invited = await office.call("POST", "/api/team/invite", {"email": email, "role": "supervisor"})
    listed = await office.call("GET", "/api/team/invites")
    token = invited["invite"]["inviteToken"]

    text = await letter(office, email)
    joined = await office.stack.call(
        "POST", f"/api/team/accept-invite/{token}", {"fullName": "Bia", "password": PASSWORD}
    )

    assert invited["inviteLink"] in text
    assert [one["email"] for one in listed["invites"]] == [email]
    assert "inviteToken" not in listed["invites"][0]
    assert joined["user"]["role"] == "supervisor"
    assert (await office.stack.call("GET", "/api/users/me", token=joined["accessToken"]))["profile"]["email"]
    again = await office.stack.call(
        "POST", f"/api/team/accept-invite/{token}", {"fullName": "Bia", "password": PASSWORD}, expect=404
    )
    assert again["error"] == "Invite not found or already used"


async def test_a_person_who_is_shut_out_is_out_within_a_second(office: Office) -> None:
    person = await newcomer(office)

    reply = await office.call("POST", f"/api/admin/deactivate-user/{person['id']}", {})

    assert await refused_after(office, person["accessToken"]) < 1
    assert (reply["success"], reply["user"]["isActive"], reply["user"]["status"]) == (True, False, "offline")
    login = await office.stack.call("POST", "/api/auth/login", person, expect=403)
    assert (login["error"], login["code"]) == ("Account deactivated", "ACCOUNT_DEACTIVATED")
    await office.call("POST", f"/api/admin/activate-user/{person['id']}", {})
    await office.stack.call("POST", "/api/auth/login", person)


async def test_a_new_role_counts_within_a_second(office: Office) -> None:
    person = await newcomer(office)
    await office.stack.call("GET", "/api/admin/users", token=person["accessToken"], expect=403)

    await office.call("POST", f"/api/admin/change-role/{person['id']}", {"role": "supervisor"})
    assert await refused_after(office, person["accessToken"]) < 1
    fresh = await office.stack.call("POST", "/api/auth/refresh", {"refreshToken": person["refreshToken"]})

    assert (await office.stack.call("GET", "/api/admin/users", token=fresh["accessToken"]))["users"]


async def test_a_forgotten_password_is_renewed_by_mail(office: Office) -> None:
    person = await newcomer(office)
    await office.stack.call("POST", "/api/auth/forgot-password", {"email": person["email"]})
    found = re.search(r"/reset-password/([\w-]+)", await letter(office, person["email"]))
    assert found
    renewal = {"token": found[1], "password": "outra senha longa"}

    await office.stack.call("POST", "/api/auth/reset-password", renewal)

    assert await refused_after(office, person["accessToken"]) < 1
    await office.stack.call("POST", "/api/auth/login", person, expect=401)
    await office.stack.call("POST", "/api/auth/login", {**person, "password": renewal["password"]})
    again = await office.stack.call("POST", "/api/auth/reset-password", renewal, expect=400)
    assert again["code"] == "invalid_reset_token"


async def test_one_keeps_ones_profile(office: Office) -> None:
    person = await newcomer(office)
    token = person["accessToken"]
    picture = {"avatarUrl": "https://empresa.com.br/joao.png", "status": "away", "role": "admin"}
    await office.stack.call("PUT", "/api/users/me", picture, token=token)

    changed = await office.stack.call("PUT", "/api/users/me", {"avatarUrl": None}, token=token)
    bad = await office.stack.call("PUT", "/api/users/me", {"status": "asleep"}, token=token, expect=400)
    blank = await office.stack.call("PUT", "/api/users/me", {"fullName": "  "}, token=token, expect=400)

    profile = changed["profile"]
    assert (profile["avatarUrl"], profile["status"], profile["role"]) == (None, "away", "agent")
    assert [one["field"] for one in (*bad["errors"], *blank["errors"])] == ["status", "fullName"]
    seen = await office.call("GET", f"/api/users/{person['id']}")
    assert set(seen["user"]) == {
        "id", "fullName", "email", "avatarUrl", "status", "isActive", "isApproved", "createdAt", "role",
    }  # fmt: skip


async def test_one_ends_the_session_of_a_lost_phone(office: Office) -> None:
    person = await newcomer(office)
    phone = await office.stack.call("POST", "/api/auth/login", person)
    listed = await office.stack.call("GET", "/api/auth/sessions", token=phone["accessToken"])
    (current,) = [one for one in listed["sessions"] if one["isCurrent"]]

    path = f"/api/auth/sessions/{current['id']}"
    await office.stack.call("DELETE", path, token=person["accessToken"])

    assert await refused_after(office, phone["accessToken"]) < 1
    await office.stack.call("DELETE", path, token=person["accessToken"], expect=404)


async def test_the_workspace_is_set_up_and_configured(office: Office) -> None:
    person = await newcomer(office)
    token = person["accessToken"]
    company = {"companyName": "Empresa", "workingDays": [1, 2, 3], "supportEmail": "s@empresa.com.br"}

    done = await office.call("POST", "/api/setup/infrastructure", company)
    saved = await office.call(
        "POST", "/api/setup/config", {"config": {"crm_token": "segredo", "a": {"b": [None]}}}
    )

    assert done["config"]["working_days"] == [1, 2, 3]
    assert {row["key"]: row["value"] for row in saved["config"]} == {
        "crm_token": '"***"',
        "a": '{"b":[null]}',
    }
    config = (await office.stack.call("GET", "/api/setup/config", token=token))["config"]
    assert (config["company_name"], config["a"]) == ("Empresa", {"b": [None]})
    assert "crm_token" not in config
    assert (await office.stack.call("GET", "/api/setup/status", token=token))["setupCompleted"] is True
    await office.stack.call("POST", "/api/setup/config", {"config": {}}, token=token, expect=403)
    bodies: list[dict[str, Any]] = [{}, {"config": None}, {"config": []}]
    for body in bodies:
        refused = await office.call("POST", "/api/setup/config", body, expect=400)
        assert refused["error"] == "Config object is required"


@pytest.mark.parametrize(
    ("path", "body", "error"),
    [
        ("/api/auth/register", {"email": "a@b.com"}, "Email and password are required"),
        ("/api/auth/register", {"email": "a@b", "password": PASSWORD}, "Invalid email"),
        ("/api/auth/register", {"email": "a@b.com", "password": "cinco"}, SHORT),
        ("/api/auth/login", {}, "Email and password are required"),
        ("/api/auth/forgot-password", {}, "Email is required"),
        ("/api/team/accept-invite/x", {"fullName": "Bia"}, "Full name and password are required"),
        ("/api/team/invite", {}, "Email is required"),
        ("/api/team/invite", {"email": "a@b.com", "role": "boss"}, "Invalid role"),
        (f"/api/admin/change-role/{ID}", {}, "Invalid role"),
        (f"/api/admin/change-role/{ID}", {"role": "boss"}, "Invalid role"),
        (f"/api/admin/reset-password/{ID}", {}, SHORT),
        ("/api/admin/approve-user/not-an-id", {}, "Invalid id"),
        ("/api/setup/infrastructure", {"workingDays": [7]}, "workingDays must be between 0 and 6"),
    ],
)
async def test_what_is_asked_wrongly_is_answered_in_the_contracts_words(
    office: Office, path: str, body: dict[str, Any], error: str
) -> None:
    refused = await office.call("POST", path, body, expect=400)

    assert refused["error"] == error


async def test_a_refresh_without_a_token_is_not_signed_in(office: Office) -> None:
    refused = await office.stack.call("POST", "/api/auth/refresh", {}, expect=401)

    assert refused["error"] == "No refresh token provided"
