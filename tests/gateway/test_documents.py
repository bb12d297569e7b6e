"""The API's description is the API: what the tables and protos say, valid by the standards' own schemas."""

import json
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from deploy import refusals
from gateway import audiences, catalogue, openapi, pages
from gateway.app import HERE
from gateway.routes import ADMINS, ANYONE, ROUTES
from protos import messaging_pb2


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(openapi.document())
    return loaded


def test_the_document_is_valid_openapi(document: dict[str, Any]) -> None:
    assert not [*OpenAPIV31SpecValidator(document).iter_errors()]


def test_every_route_is_an_operation_with_a_summary_and_its_refusals(document: dict[str, Any]) -> None:
    for route in ROUTES:
        operation = document["paths"][route.path.replace(":path}", "}")][route.method.lower()]
        assert operation["summary"], route.path
        assert str(route.status) in operation["responses"]
        assert "default" in operation["responses"]
        assert ("401" in operation["responses"]) or not route.roles
        if route.roles and route.roles != ANYONE:
            assert "403" in operation["responses"]


def test_an_operation_names_its_own_refusals_and_those_of_the_services_that_it_asks(
    document: dict[str, Any],
) -> None:
    paths = document["paths"]

    taken = paths["/api/auth/register"]["post"]["x-refusals"]["USER_EXISTS"]
    qualify = paths["/api/leads/{id}/qualify"]["post"]["x-refusals"]

    assert taken == {"status": 400, "error": "User already exists"}
    assert {"lead_not_found", "conversation_not_found", "ai_not_configured"} <= {*qualify}
    assert "validation_error" not in qualify
    for verbs in paths.values():
        for one in verbs.values():
            statuses = {str(told["status"]) for told in one.get("x-refusals", {}).values()}
            assert statuses <= {*one["responses"]}


def test_the_refusals_that_are_described_are_those_of_todays_code() -> None:
    assert refusals.WRITTEN.read_text() == refusals.found()


def test_operation_ids_are_unique(document: dict[str, Any]) -> None:
    ids = [one["operationId"] for verbs in document["paths"].values() for one in verbs.values()]

    assert len(ids) == len(set(ids))
    assert {"getIdentityConfig", "getIntelligenceConfig", "getFile", "getFileByKey", "uploadFile"} <= {*ids}


def test_only_what_may_be_made_or_found_answers_two_ways(document: dict[str, Any]) -> None:
    paths = document["paths"]

    fine = {
        (path, verb): sorted(status for status in one["responses"] if status < "400")
        for path, verbs in paths.items()
        for verb, one in verbs.items()
    }

    assert fine["/api/conversations", "post"] == ["200", "201"]
    assert fine["/api/conversations/{id}/mode", "post"] == ["200"]
    assert fine["/api/storage/download", "get"] == ["200", "302"]


def test_a_field_rule_is_written_as_json_schema(document: dict[str, Any]) -> None:
    fields = document["components"]["schemas"]["SendMessageRequest"]

    assert "conversationId" in fields["required"]
    assert fields["properties"]["conversationId"]["format"] == "uuid"
    assert fields["properties"]["content"]["maxLength"] == 65536


def test_every_example_of_a_body_is_what_its_schema_takes(document: dict[str, Any]) -> None:
    checked = 0
    for path, verbs in document["paths"].items():
        for one in verbs.values():
            content = one.get("requestBody", {}).get("content", {}).get("application/json", {})
            if "example" in content:
                schema = {**content["schema"], "components": document["components"]}
                errors = [*Draft202012Validator(schema).iter_errors(content["example"])]
                assert not errors, (path, errors)
                checked += 1
    assert checked


def test_only_who_may_use_a_route_is_named(document: dict[str, Any]) -> None:
    [create] = [
        route for route in ROUTES if route.path == "/api/whatsapp/instances" and route.roles == ADMINS
    ]

    operation = document["paths"][create.path]["post"]

    assert operation["x-roles"] == ["admin"]
    assert "Administrators." in operation["description"]


def test_every_event_that_somebody_may_see_is_in_the_catalogue() -> None:
    described = json.loads(catalogue.document())["components"]["messages"]

    assert {catalogue.name(full) for full in catalogue.events()} | {"reset"} == set(described)
    assert "identity.session_revoked" not in described
    assert described["messaging.message_received"]["payload"]["properties"]["message"]


def test_an_event_about_something_unheard_of_is_shown_to_nobody() -> None:
    stranger = messaging_pb2.DESCRIPTOR.message_types_by_name["DeliverRequest"]

    assert audiences.of("messaging.batch_due", stranger) is None


@pytest.mark.parametrize("page", ["/docs", "/docs/docs.js", "/docs/docs.css"])
async def test_the_pages_of_the_documentation_need_nothing_from_elsewhere(page: str) -> None:
    app = FastAPI(docs_url=None)
    pages.serve(app, "/docs", HERE / "docs")
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://api") as client:
        answer = await client.get(page)

    assert answer.status_code == 200
    assert "https://" not in answer.text
    assert "unsafe" not in answer.headers["content-security-policy"]
