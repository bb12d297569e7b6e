"""The running system, asked whatever its own description allows and what it does not: nothing breaks it."""

import json
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.core.result import Ok

from deploy.convo import seeds
from deploy.convo.place import Place
from deploy.local import chat
from services.kit.log import log
from tests import conformance
from tests.e2e import stack as stacks
from tests.e2e.stack import Stack

pytestmark = pytest.mark.timeout(240)

BUDGET = 25.0  # seconds for all operations together
EXAMPLES = 15
MOST_KNOWN = 20
LEFT_OUT = {"/api/events", "/api/auth/logout"}  # the one never ends, the other ends the session that asks
LISTS = {  # where ids are found, and the names by which other operations take them
    "/api/conversations": ("conversationId",),
    "/api/users": ("userId", "assignedTo", "assignTo"),
    "/api/whatsapp/instances": ("instanceId",),
    "/api/leads": ("leadId",),
    "/api/knowledge": ("entryId",),
    "/api/campaigns": ("campaignId",),
    "/api/meetings": ("meetingId",),
    "/api/escalations": ("escalationId",),
}
QUICK = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[*HealthCheck],
)


class Enough(BaseException):
    """This operation's share of the time is over; Hypothesis lets it pass."""


@dataclass
class Visitor:
    """Who asks, the ids that are known, and what was wrong with the answers."""

    url: str
    session: requests.Session
    ours: set[str]  # the id and the sessions of whoever asks
    ids: dict[str, list[str]]
    wrong: dict[str, str] = field(default_factory=dict)
    statuses: dict[str, set[int]] = field(default_factory=dict)
    asked: int = 0

    def ask(self, operation: APIOperation[Any, Any, Any, Any], case: Case[Any], until: float) -> None:
        name = f"{operation.method.upper()} {operation.path}"
        if time.monotonic() > until and name in self.statuses:
            raise Enough
        answer = case.call(base_url=self.url, session=self.session, timeout=30)
        self.asked += 1
        self.statuses.setdefault(name, set()).add(answer.status_code)
        described = conformance.document()["paths"][operation.path][operation.method]
        kind = answer.headers.get("content-type", [""])[0]
        found = conformance.problems(described, answer.status_code, kind, answer.content)
        if found or (answer.status_code >= 500 and not elsewhere(answer)):
            said = f"{answer.status_code} {found} {answer.text}"
            self.wrong.setdefault(name, f"{said} {case.as_curl_command()}")
        if answer.status_code < 300 and kind == "application/json" and "{" not in operation.path:
            self.remember(operation.path, answer.json())

    def remember(self, path: str, answer: dict[str, Any]) -> None:
        """The ids of what is there, for the operations on one of them; never whoever asks and how."""
        known = self.ids.setdefault(path, [])
        for part in answer.values():
            rows = [row for row in (part if isinstance(part, list) else [part]) if isinstance(row, dict)]
            known += [row["id"] for row in rows if "id" in row and not {row["id"], path} & self.ours]
        del known[:-MOST_KNOWN]


@pytest.fixture(scope="module")
async def stack() -> AsyncIterator[Stack]:
    limits = {"RATE_LIMIT_REQUESTS": "1000000", "AUTH_FAILURES": "100000"}
    async with stacks.watched(**limits) as stack:
        noted = json.loads((stack.home / "running.json").read_text())
        await seeds.sow(Place(stack.url, stack.home, noted), 10)
        yield stack


@pytest.fixture
async def visitor(stack: Stack) -> Visitor:
    """The administrator, who may ask for everything."""
    kept = chat.read_notes(stack.home)
    login = {"email": kept["email"], "password": kept["password"]}
    made = await stack.call("POST", "/api/auth/login", login)
    token = made["accessToken"]
    await make_examples(stack, token)
    ids: dict[str, list[str]] = {}
    for path, names in LISTS.items():
        listed = await stack.call("GET", path, token=token)
        [rows] = [rows for rows in listed.values() if isinstance(rows, list)][:1] or [[]]
        found = [row["id"] for row in rows if row["id"] != made["user"]["id"]]
        ids |= dict.fromkeys((path, *names), found)
    session = requests.Session()
    session.trust_env = False
    session.headers["authorization"] = f"Bearer {token}"
    return Visitor(stack.url, session, {made["user"]["id"], "/api/auth/sessions"}, ids)


async def make_examples(stack: Stack, token: str) -> None:
    """One of everything that can be made from the example in the description."""
    for path, verbs in conformance.document()["paths"].items():
        content = verbs.get("post", {}).get("requestBody", {}).get("content", {}).get("application/json", {})
        if "{" not in path and "201" in verbs.get("post", {}).get("responses", {}) and "example" in content:
            headers = {"authorization": f"Bearer {token}"}
            await stack.client.post(path, json=content["example"], headers=headers)


def elsewhere(answer: schemathesis.Response) -> bool:
    """The trouble of a system outside: an AI that is not configured, an Evolution that refuses."""
    return answer.status_code == 502 or answer.json()["code"] == "ai_not_configured"


@st.composite
def cases(
    draw: st.DrawFn, operation: APIOperation[Any, Any, Any, Any], ids: dict[str, list[str]]
) -> Case[Any]:
    """As described or not, and about things that are there or not."""
    mode = draw(st.sampled_from([GenerationMode.POSITIVE, GenerationMode.POSITIVE, GenerationMode.NEGATIVE]))
    case: Case[Any] = draw(operation.as_strategy(generation_mode=mode))
    for name in [*(case.path_parameters or {})]:
        known = ids.get(name) or ids.get(operation.path.partition("/{")[0])
        if known and draw(st.booleans()):
            case.path_parameters[name] = draw(st.sampled_from(known))
    if isinstance(case.body, dict) and draw(st.booleans()):
        for name in case.body:
            if ids.get(name):
                case.body[name] = draw(st.sampled_from(ids[name]))
    return case


def fuzz(visitor: Visitor, operation: APIOperation[Any, Any, Any, Any], until: float) -> None:
    known = {name: [*dict.fromkeys(ids)] for name, ids in visitor.ids.items()}

    @QUICK
    @given(case=cases(operation, known))
    def ask(case: Case[Any]) -> None:
        visitor.ask(operation, case, until)

    with suppress(Enough):
        ask()


def test_nothing_that_is_asked_breaks_it_or_is_answered_otherwise_than_described(visitor: Visitor) -> None:
    schema = schemathesis.openapi.from_dict(conformance.document())
    operations = [one.ok() for one in schema.get_all_operations() if isinstance(one, Ok)]
    operations = [one for one in operations if one.path not in LEFT_OUT]
    began = time.monotonic()

    for number, operation in enumerate(operations, 1):
        fuzz(visitor, operation, began + BUDGET * number / len(operations))

    log.info("fuzzed", requests=visitor.asked, operations=len(operations), seconds=time.monotonic() - began)
    fine = [name for name, found in visitor.statuses.items() if any(status < 300 for status in found)]
    assert not visitor.wrong, "\n".join(f"{name}: {said}" for name, said in visitor.wrong.items())
    assert len(visitor.statuses) == len(operations)
    assert len(fine) > len(operations) / 3, {*visitor.statuses} - {*fine}
    assert visitor.session.get(f"{visitor.url}/api/auth/me").status_code == 200
