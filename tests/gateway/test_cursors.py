"""A cursor that nobody gave out is refused by every list, whatever is in it."""

import base64
from typing import Any

import orjson
import pytest

from gateway.routes import ROUTES, Route
from tests.gateway.conftest import Staff
from tests.gateway.house import Front

LISTS = [one for one in ROUTES if "cursor" in one.rpc.input_type.fields_by_name and "{" not in one.path]
TAMPERED: list[Any] = [
    *([], [1], ["x"], {}, {"a": 1}, "text", 7, None, [None], [[]], [{}]),
    *(["x", "y"], [1, 2], [None, None], ["2026-01-01T00:00:00.000Z", "no id"], ["no time", "no id"]),
    *([[], {}], [2**62, 2**62], ["1e999", "x"], ["\0", "\0"], ["2026-99-99T00:00:00Z", "x"]),
    *(["a", "b", "c"], ["x"] * 4, ["x"] * 9, [1, "no time", "no id"], ["0", "no time", "no id"]),
]


def written(value: Any) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(value)).decode()


@pytest.mark.parametrize("route", LISTS, ids=lambda route: route.path)
async def test_a_cursor_of_ones_own_making_is_refused(front: Front, staff: Staff, route: Route) -> None:
    cursors = ["not base64!", "é", "AAAA", *(written(value) for value in TAMPERED)]
    wrong = {}
    for cursor in cursors:
        answer = await front.client.get(
            route.path, params={"cursor": cursor}, headers={"authorization": f"Bearer {staff.admin}"}
        )
        if answer.status_code != 400:
            wrong[cursor] = (answer.status_code, answer.text[:200])

    assert wrong == {}
