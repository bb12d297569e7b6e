"""What the API document says of operations that are in no table (probes, raw bodies, streams)."""

from typing import Any

Described = dict[str, dict[str, Any]]

TAGS = [
    {"name": "Realtime", "description": "What changes, as it changes: server-sent events."},
    {"name": "Operations", "description": "Probes, keys and these documents."},
]
SECURITY: dict[str, Any] = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "The `accessToken` of `POST /api/auth/login`.",
    },
    "ticket": {
        "type": "apiKey",
        "in": "query",
        "name": "ticket",
        "description": "From `POST /api/events/ticket`: one use, 60 seconds.",
    },
    "webhookToken": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Webhook-Token",
        "description": "The secret that configuring an instance's webhook gave to Evolution.",
    },
}
HEADERS: dict[str, Any] = {
    "X-Request-Id": {
        "description": "Names this request in every log; the client's own, where it sent one.",
        "schema": {"type": "string", "maxLength": 64},
    }
}
RATE_HEADERS: dict[str, Any] = {
    name: {"description": description, "schema": {"type": "integer"}}
    for name, description in {
        "Retry-After": "Seconds to wait.",
        "RateLimit-Limit": "Requests in a window.",
        "RateLimit-Remaining": "Requests left in this window.",
        "RateLimit-Reset": "Seconds until the window ends.",
    }.items()
}
PARAMETERS: dict[str, Any] = {
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "description": "The same key and body within 24 h answer the same, with `Idempotent-Replayed: true`.",
        "schema": {"type": "string", "maxLength": 255},
    }
}
SCHEMAS: dict[str, Any] = {
    "Problem": {
        "type": "object",
        "description": "Why a request was refused (RFC 9457). `error` repeats `detail`.",
        "required": ["type", "title", "status", "detail", "code", "error"],
        "properties": {
            "type": {"type": "string", "format": "uri-reference"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "instance": {"type": "string", "format": "uri-reference"},
            "code": {"type": "string", "description": "Stable; for programs."},
            "requestId": {"type": "string"},
            "error": {"type": "string", "description": "For people."},
            "errors": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["field", "message"],
                    "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
                },
            },
        },
        "additionalProperties": True,
    },
}


FORM: dict[str, Any] = {
    "type": "object",
    "required": ["file"],
    "properties": {
        "purpose": {"type": "string", "enum": ["general", "avatar", "whatsapp", "campaign"]},
        "file": {"type": "string", "contentMediaType": "application/octet-stream"},
    },
}


def _text(name: str, *, description: str = "") -> dict[str, Any]:
    schema: dict[str, Any] = {"name": name, "in": "query", "required": False, "schema": {"type": "string"}}
    return schema | ({"description": description} if description else {})


def _json(description: str, properties: dict[str, Any]) -> dict[str, Any]:
    schema = {"type": "object", "required": [*properties], "properties": properties}
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _refused(*statuses: int) -> dict[str, Any]:
    names = [*(str(status) for status in statuses), "default"]
    return {name: {"$ref": f"#/components/responses/{name}"} for name in names}


def _probe(operation: str, summary: str, answer: dict[str, Any], *refusals: int) -> Described:
    return {
        "get": {
            "operationId": operation,
            "tags": ["Operations"],
            "summary": summary,
            "security": [],
            "responses": {"200": answer, **_refused(*refusals)},
        }
    }


STRING: dict[str, Any] = {"type": "string"}
ANYTHING: dict[str, Any] = {"type": "object"}
STREAM: dict[str, Any] = {
    "operationId": "streamEvents",
    "tags": ["Realtime"],
    "summary": "What changes, as it changes",
    "description": (
        "Server-sent events, as long as the session lives. `event` is the name of the event, `id` its place "
        "in the stream, `data` one line of JSON. Filtered by what the caller may see at the moment of "
        "sending. A client that comes back with `Last-Event-ID` misses nothing and gets nothing twice; "
        "where events are older than what is kept, an event `reset` says: load anew. Any role."
    ),
    "security": [{"bearer": []}, {"ticket": []}],
    "parameters": [
        {
            "name": "Last-Event-ID",
            "in": "header",
            "required": False,
            "description": "The last `id` that came; what followed is sent first.",
            "schema": STRING,
        },
        _text("lastEventId", description="The same, for clients that cannot send a header."),
        _text("ticket", description="Instead of a token."),
    ],
    "responses": {
        "200": {
            "description": "An endless stream. A comment comes every 15 s when nothing else does.",
            "content": {"text/event-stream": {"schema": STRING}},
        },
        **_refused(400, 401, 429, 500, 503),
    },
}
TICKET: dict[str, Any] = {
    "operationId": "createEventTicket",
    "tags": ["Realtime"],
    "summary": "A ticket for the event stream, for browsers that cannot send a header first",
    "description": "One use, 60 seconds, on any replica. Any role.",
    "responses": {
        "200": _json("A ticket.", {"ticket": STRING, "expiresIn": {"type": "integer"}}),
        **_refused(401, 429, 500, 503),
    },
}
WEBHOOK: dict[str, Any] = {
    "operationId": "receiveEvolutionWebhook",
    "tags": ["Messaging"],
    "summary": "Events of the Evolution API",
    "description": "Answers 200 once an event is durably handled, ignored or set aside; 503: send it again.",
    "security": [{"webhookToken": []}, {}],
    "requestBody": {"required": True, "content": {"application/json": {"schema": ANYTHING}}},
    "responses": {
        "200": {
            "description": "Taken.",
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "required": ["received"],
                        "properties": {
                            "received": {"type": "boolean"},
                            "event": STRING,
                            "processed": {"type": "integer"},
                            "ignored": {"type": "boolean"},
                            "quarantined": {"type": "boolean"},
                            "reason": STRING,
                        },
                    }
                }
            },
        },
        **_refused(400, 401, 413, 503),
    },
}
DESCRIBED: dict[str, Described] = {
    "/api/events": {"get": STREAM},
    "/api/events/ticket": {"post": TICKET},
    "/api/whatsapp/webhooks/evolution": {"post": WEBHOOK},
    "/health": _probe(
        "getHealth",
        "The gateway lives",
        _json("It does.", {"status": STRING, "timestamp": {"type": "string", "format": "date-time"}}),
    ),
    "/readyz": _probe("getReadiness", "The gateway can serve", _json("It can.", {"status": STRING}), 503),
    "/.well-known/jwks.json": _probe(
        "getKeys",
        "The public keys of access tokens",
        _json("A JSON Web Key Set.", {"keys": {"type": "array", "items": ANYTHING}}),
        503,
    ),
}
