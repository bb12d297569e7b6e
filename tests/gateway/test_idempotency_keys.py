"""Idempotency-Key over the wire: one effect, whatever is asked how often."""

import asyncio
from collections import Counter
from typing import Any

import httpx2
import pytest

from gateway.routes import ROUTES
from services.kit.tables import new_id
from tests.gateway.conftest import Staff
from tests.gateway.house import Front


async def make(front: Front, token: str, key: str, name: str, **more: Any) -> httpx2.Response:
    body = {"name": name, "content": "Olá", **more}
    path = "/api/whatsapp/macros"
    return await front.call("POST", path, body, token=token, headers={"idempotency-key": key})


async def test_a_hundred_times_at_once_is_once(front: Front, staff: Staff) -> None:
    key, name = new_id(), f"macro {new_id()}"

    answers = await asyncio.gather(*(make(front, staff.admin, key, name) for _ in range(100)))

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    replayed = Counter(answer.headers.get("idempotent-replayed") for answer in answers)
    assert replayed == {None: 1, "true": 99}


async def test_another_body_is_a_conflict_and_a_refusal_is_not_kept(front: Front, staff: Staff) -> None:
    key, name = new_id(), f"macro {new_id()}"
    refused = await make(front, staff.admin, key, name, instanceId=new_id())

    made = await make(front, staff.admin, key, name)
    reused = await make(front, staff.admin, key, name, content="Outra")

    assert (refused.status_code, made.status_code) == (400, 201)
    assert (reused.status_code, reused.json()["code"]) == (409, "idempotency_key_reused")


async def test_a_key_does_not_open_what_a_role_may_not_use(front: Front, staff: Staff) -> None:
    key, name = new_id(), f"macro {new_id()}"
    await make(front, staff.admin, key, name)

    assert (await make(front, staff.agent, key, name)).status_code == 403


@pytest.mark.parametrize("key", ["with space", "é", "x" * 256])
async def test_a_key_that_is_none_is_refused(front: Front, staff: Staff, key: str) -> None:
    path = f"{front.url}/api/whatsapp/macros"
    headers = {b"authorization": f"Bearer {staff.admin}".encode(), b"idempotency-key": key.encode()}

    answer = await front.client.post(path, headers=headers, json={"name": "Loja", "content": "Olá"})

    assert answer.status_code == 400


async def test_registering_twice_with_a_key_is_registering_once(front: Front) -> None:
    person = {"email": f"{new_id()}@empresa.com.br", "password": "uma senha longa"}
    headers = {"idempotency-key": new_id()}

    answers = [await front.call("POST", "/api/auth/register", person, headers=headers) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].content == answers[1].content


def test_every_post_that_makes_or_sends_honours_a_key() -> None:
    deaf = {route.path for route in ROUTES if route.method == "POST" and not route.keyed}

    assert deaf <= {
        "/api/auth/login",
        "/api/auth/refresh",
        "/api/auth/forgot-password",
        "/api/auth/reset-password",
    }
