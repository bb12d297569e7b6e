"""The events that clients are told of, and `GET /asyncapi.json`: their description as AsyncAPI 3.0."""

from functools import cache
from typing import Any

import orjson
from google.protobuf.descriptor import Descriptor

from gateway import audiences, descriptions, objects
from gateway.routes import FILES
from gateway.schemas import Components
from services.kit.bus import subject

MAY_BE_NULL = "As REST shows it now; null where it is gone, or is not shown to the reader, or cannot be told."
RESET: dict[str, Any] = {
    "name": "reset",
    "title": "Events were lost to this client",
    "summary": "The place to resume from is no longer known: load anew what is shown. Events go on.",
    "contentType": "application/json",
    "payload": {"type": "object"},
}


@cache
def events() -> dict[str, Descriptor]:
    """Messages by full name: those that no RPC and no other message holds, and that somebody may see."""
    held = _held()
    return {
        message.full_name: message
        for file in FILES
        for message in file.message_types_by_name.values()
        if message.full_name not in held and audiences.of(name(message.full_name), message)
    }


def name(full_name: str) -> str:
    """`convo.messaging.v1.MessageReceived` -> `messaging.message_received`."""
    return subject(full_name).removeprefix("convo.")


def _held() -> set[str]:
    held: set[str] = set()
    for file in FILES:
        for service in file.services_by_name.values():
            for rpc in service.methods:
                held |= {rpc.input_type.full_name, rpc.output_type.full_name}
        for message in file.message_types_by_name.values():
            held |= {field.message_type.full_name for field in message.fields if field.message_type}
    return held


@cache
def document() -> bytes:
    components = Components()
    messages: dict[str, Any] = {name(full): _message(full, one, components) for full, one in events().items()}
    messages["reset"] = RESET
    channel = {
        "address": "/api/events",
        "title": "Server-sent events",
        "description": "`event` is the message's name, `id` its place in the stream, `data` its payload.",
        "messages": {one: {"$ref": f"#/components/messages/{one}"} for one in messages},
    }
    operation = {
        "action": "send",
        "channel": {"$ref": "#/channels/events"},
        "summary": "What changes, as it changes, as far as the caller may see it.",
    }
    return orjson.dumps(
        {
            "asyncapi": "3.0.0",
            "info": {
                "title": "Convo Insight: events",
                "version": "1.0.0",
                "description": "What `GET /api/events` sends. See openapi.json for how to connect.",
            },
            "defaultContentType": "application/json",
            "channels": {"events": channel},
            "operations": {"sendEvents": operation},
            "components": {"messages": messages, "schemas": dict(sorted(components.schemas.items()))},
        },
        option=orjson.OPT_INDENT_2,
    )


def payload(full_name: str, components: Components) -> dict[str, Any]:
    """The event's own fields, and the objects that it is about, as REST shows them."""
    descriptor = events()[full_name]
    own = components.shown(descriptor)
    more: dict[str, Any] = {
        "eventId": {"type": "string", "format": "uuid"},
        "occurredAt": {"type": "string", "format": "date-time"},
    }
    for kind in objects.of(name(full_name), descriptor):
        shape = components.reply(objects.OBJECTS[kind].shape.DESCRIPTOR)
        more[kind] = {"anyOf": [shape, {"type": "null"}], "description": MAY_BE_NULL}
    always = ["conversationId"] if can_hide(descriptor) else own["required"]
    return {**own, "properties": own["properties"] | more, "required": [*always, *more]}


def can_hide(descriptor: Descriptor) -> bool:
    """Whether the event may take the conversation from its reader, who is then told nothing but that."""
    return "assigned_from" in descriptor.fields_by_name


def _message(full_name: str, descriptor: Descriptor, components: Components) -> dict[str, Any]:
    audience = audiences.of(name(full_name), descriptor)
    assert audience
    return {
        "name": name(full_name),
        "title": descriptor.name,
        "summary": descriptions.of(descriptor) or _sentence(descriptor.name),
        "description": f"Shown to: {audience.__doc__}",
        "contentType": "application/json",
        "tags": [{"name": name(full_name).partition(".")[0]}],
        "payload": payload(full_name, components),
    }


def _sentence(name: str) -> str:
    """`MessageReceived` -> `Message received.`"""
    words = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name).strip()
    return f"{words[0].upper()}{words[1:]}."
