"""Protobuf to the frontend's JSON: camelCase, null for absent, lists never null. One plan per message."""

from collections.abc import Callable
from functools import cache
from typing import Any

import orjson
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from protos import rules_pb2

Read = Callable[[Any], Any]

HIDDEN = {"http_status"}


def dumps(message: Message) -> bytes:
    return orjson.dumps(dump(message))


def dump(message: Message) -> dict[str, Any]:
    return {key: read(message) for key, read in plan(message.DESCRIPTOR)}


@cache
def plan(descriptor: Descriptor) -> tuple[tuple[str, Read], ...]:
    return tuple((field.json_name, _reader(field)) for field in descriptor.fields if field.name not in HIDDEN)


def _reader(field: FieldDescriptor) -> Read:
    name = field.name
    if is_map(field):
        return lambda message: dict(getattr(message, name))
    if field.message_type is not None and field.is_repeated:
        return lambda message: [dump(one) for one in getattr(message, name)]
    if field.message_type is not None:
        return lambda message: dump(getattr(message, name)) if message.HasField(name) else None
    if field.is_repeated:
        return lambda message: [*getattr(message, name)]
    if rule(field).format == rules_pb2.JSON:
        return lambda message: orjson.Fragment(getattr(message, name) or "null")
    if field.has_presence:
        return lambda message: getattr(message, name) if message.HasField(name) else None
    return lambda message: getattr(message, name)


@cache
def rule(field: FieldDescriptor) -> rules_pb2.Rule:
    extension: Any = rules_pb2.rule
    found: rules_pb2.Rule = field.GetOptions().Extensions[extension]
    return found


def is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry
