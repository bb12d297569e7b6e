"""`GET /openapi.json`: the route table, the protos, their comments and field rules, as OpenAPI 3.1."""

import re
from collections import Counter
from functools import cache
from http import HTTPStatus
from typing import Any

import orjson

from gateway import catalogue, descriptions, operations, problems
from gateway.bodies import TooSlow
from gateway.routes import ADMINS, ANYONE, FILES, PUBLIC, ROUTES, SUPERVISORS, Route
from gateway.schemas import Components, example, taken
from gateway.wire import rule
from protos.rules_pb2 import UUID
from services.kit.errors import CATEGORIES, Refusal

WHO = {
    PUBLIC: "Public: no token.",
    ANYONE: "Any role.",
    SUPERVISORS: "Administrators and supervisors.",
    ADMINS: "Administrators.",
}
SLOW = 20.0  # seconds; a route that may take longer asks a system outside
REQUEST_ID = "0f1e2d3c4b5a6978"
DESCRIPTION = """\
Customer service on WhatsApp: shared inbox, AI agent, leads, campaigns, escalations, meetings.

Every error is a problem document (RFC 9457) whose `code` is stable and whose `error` is for people; the
codes that an operation has of its own are in its `x-refusals`, beside those of the shared responses.
Lists take `limit` and `cursor`; unknown fields are ignored in both directions. Times are RFC 3339 in UTC.
What a caller may not see answers 404. Events are described in [asyncapi.json](/asyncapi.json)."""


@cache
def document() -> bytes:
    components = Components()
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        paths.setdefault(route.path.replace(":path}", "}"), {})[route.method.lower()] = _operation(
            route, components
        )
    for path, verbs in operations.DESCRIBED.items():
        paths.setdefault(path, {}).update(verbs)
    components.schemas["EventData"] = _event_data(components)
    return orjson.dumps(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "Convo Insight",
                "version": "1.0.0",
                "description": DESCRIPTION,
                "license": {"name": "ISC", "identifier": "ISC"},
            },
            "servers": [{"url": "/"}],
            "tags": [*map(_tag, FILES), *operations.TAGS],
            "security": [{"bearer": []}],
            "paths": {path: paths[path] for path in sorted(paths)},
            "components": {
                "schemas": {**dict(sorted(components.schemas.items())), **operations.SCHEMAS},
                "responses": _responses(),
                "headers": operations.HEADERS,
                "parameters": operations.PARAMETERS,
                "securitySchemes": operations.SECURITY,
            },
        },
        option=orjson.OPT_INDENT_2,
    )


def _event_data(components: Components) -> dict[str, Any]:
    """The data of each event by its name: nothing that is sent, but what generated clients know events by."""
    told = {catalogue.name(full): catalogue.payload(full, components) for full in catalogue.events()}
    return {
        "type": "object",
        "description": "What `data` holds, by the name of the event.",
        "properties": told,
        "required": [*told],
    }


def _tag(file: Any) -> dict[str, str]:
    [service] = file.services_by_name
    description = descriptions.of_file(file.name).partition(": ")[2]
    return {"name": service, "description": description[0].upper() + description[1:]}


def _operation(route: Route, components: Components) -> dict[str, Any]:
    summary = descriptions.of(route.rpc)
    operation: dict[str, Any] = {
        "operationId": _operation_ids()[route],
        "tags": [route.rpc.containing_service.name],
        "summary": summary.partition(". ")[0].rstrip("."),
        "description": f"{summary} {WHO[route.roles]}".strip(),
        "x-roles": sorted(route.roles),
    }
    if not route.roles:
        operation["security"] = []
    if parameters := _parameters(route, components):
        operation["parameters"] = parameters
    if takes_body(route):
        operation["requestBody"] = _body(route, components)
    if told := descriptions.refusals(route.rpc):
        operation["x-refusals"] = told
    return operation | {"responses": _answers(route, components)}


@cache
def _operation_ids() -> dict[Route, str]:
    """The RPC's name; with its service's after the verb where another has the same (`getIdentityConfig`),
    with what the path takes for a second route (`getFileByKey`)."""
    services = {(route.rpc.name, route.rpc.containing_service.name) for route in ROUTES}
    uses = Counter(name for name, _ in services)
    names: dict[Route, str] = {}
    for route in ROUTES:
        service, name = route.rpc.containing_service.name, route.rpc.name
        if route.takes_file:
            name = "UploadFile"
        if uses[name] > 1:
            name = re.sub("(?<=[a-z])(?=[A-Z])", service, name, count=1)
        if name in names.values():
            name += "".join(f"By{one[0].upper()}{one[1:]}" for one in sorted(variables(route)))
        names[route] = name
    return {route: name[0].lower() + name[1:] for route, name in names.items()}


def takes_body(route: Route) -> bool:
    return route.method in ("POST", "PUT") and bool(taken(route.rpc.input_type, variables(route)))


def variables(route: Route) -> set[str]:
    return {part[1:-1].removesuffix(":path") for part in route.path.split("/") if part.startswith("{")}


def _parameters(route: Route, components: Components) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    in_path = variables(route)
    for field in taken(route.rpc.input_type):
        names = {field.json_name, *rule(field).aliases} & in_path
        place = "path" if names else "query"
        if place == "query" and route.method in ("POST", "PUT"):
            continue
        schema = components.taken(field)
        parameter = {
            "name": names.pop() if names else field.json_name,
            "in": place,
            "required": place == "path" or rule(field).required,
            "schema": _without_null(schema),
        }
        if place == "query" and field.is_repeated:
            parameter |= {"style": "form", "explode": False}
        if description := schema.get("description"):
            parameter["description"] = description
        found.append(parameter)
    if route.keyed:
        found.append({"$ref": "#/components/parameters/IdempotencyKey"})
    return found


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A query can leave a value out, but not say null."""
    plain = {name: value for name, value in schema.items() if name != "description"}
    if isinstance(plain.get("type"), list):
        plain["type"] = plain["type"][0]
        if "enum" in plain:
            plain["enum"] = [value for value in plain["enum"] if value is not None]
    return plain


def _body(route: Route, components: Components) -> dict[str, Any]:
    if route.takes_file:
        return {"required": True, "content": {"multipart/form-data": {"schema": operations.FORM}}}
    fields = taken(route.rpc.input_type, variables(route))
    content: dict[str, Any] = {"schema": components.body(route.rpc.input_type, variables(route))}
    known = {field.json_name: example(field) for field in fields if example(field) is not None}
    if known:
        content["example"] = known
    required = any(rule(field).required for field in fields)
    return {"required": required, "content": {"application/json": content}}


def _answers(route: Route, components: Components) -> dict[str, Any]:
    fine = {
        "description": HTTPStatus(route.status).phrase,
        "headers": {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}},
        "content": _content(route, components),
    }
    answers: dict[str, Any] = {str(route.status): fine}
    if "http_status" in route.rpc.output_type.fields_by_name:
        other = HTTPStatus.FOUND if "redirect" in route.rpc.input_type.fields_by_name else HTTPStatus.OK
        answers[str(other.value)] = {**fine, "description": other.phrase}
    for status in sorted(_refusals(route)):
        answers[str(status)] = {"$ref": f"#/components/responses/{status}"}
    return answers | {"default": {"$ref": "#/components/responses/default"}}


def _content(route: Route, components: Components) -> dict[str, Any]:
    if route.media:
        return {route.media: {"schema": {"type": "string"}}}
    return {"application/json": {"schema": components.reply(route.rpc.output_type)}}


def _refusals(route: Route) -> set[int]:
    """Which refusals can come, by what the route is and what its RPC says; what is rarer, as `default`."""
    found = {401, 403, 429, 500, 503, 504}
    found |= {told["status"] for told in descriptions.refusals(route.rpc).values()}
    fields = taken(route.rpc.input_type)
    if fields or route.keyed:
        found.add(400)
    if variables(route) or any(rule(one).format == UUID or one.name == "key" for one in fields):
        found.add(404)
    if route.method != "GET":
        found.add(409)
    if takes_body(route):
        found |= {408, 413, 415}
    if route.timeout > SLOW:
        found.add(502)
    return found


def _responses() -> dict[str, Any]:
    """One for each category of refusal, and one for what nobody foresaw."""
    found = {str(category.http): _response(category()) for category in CATEGORIES}
    found["408"] = _response(TooSlow())
    found["500"] = _response(Refusal("Something went wrong on our side. Quote the request id."))
    found["429"]["headers"] |= operations.RATE_HEADERS
    found["default"] = {**_response(Refusal()), "description": "Any other refusal; `code` says which."}
    return dict(sorted(found.items()))


def _response(refusal: Refusal) -> dict[str, Any]:
    if refusal.status == HTTPStatus.BAD_REQUEST:
        refusal.fields = {"content": "is required"}
    shown = problems.document(refusal, "/api/conversations", REQUEST_ID)
    return {
        "description": f"{HTTPStatus(refusal.status).phrase}. {refusal.message}",
        "headers": {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}},
        "content": {
            "application/problem+json": {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "example": shown,
            }
        },
    }
