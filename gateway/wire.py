"""Protobuf to the frontend's JSON: camelCase, null for absent, lists never null. One plan per message."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import orjson
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from protos import rules_pb2

HIDDEN = {"http_status"}

Show = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """How nothing looks, and under what name and how a field that holds something is shown."""

    blank: dict[str, Any]
    fields: dict[FieldDescriptor, tuple[str, Show | None]]


def dumps(message: Message) -> bytes:
    return orjson.dumps(dump(message))


def dump(message: Message) -> dict[str, Any]:
    """A list costs what is in it: fields that hold nothing are not even asked."""
    planned = plan(message.DESCRIPTOR)
    shown = planned.blank.copy()
    for field, value in message.ListFields():
        if known := planned.fields.get(field):
            name, show = known
            shown[name] = show(value) if show else value
    return shown


@cache
def plan(descriptor: Descriptor) -> Plan:
    fields = [field for field in descriptor.fields if field.name not in HIDDEN]
    return Plan(
        {field.json_name: _absent(field) for field in fields},
        {field: (field.json_name, _show(field)) for field in fields},
    )


def _absent(field: FieldDescriptor) -> Any:
    if is_map(field):
        return {}
    if field.is_repeated:
        return []
    return None if field.has_presence or _is_json(field) else field.default_value


def _show(field: FieldDescriptor) -> Show | None:
    if is_map(field):
        return dict
    if field.is_repeated:
        return list if field.message_type is None else lambda messages: [dump(one) for one in messages]
    if field.message_type is not None:
        return dump
    return (lambda text: orjson.Fragment(text or "null")) if _is_json(field) else None


def _is_json(field: FieldDescriptor) -> bool:
    return rule(field).format == rules_pb2.JSON


@cache
def rule(field: FieldDescriptor) -> rules_pb2.Rule:
    extension: Any = rules_pb2.rule
    found: rules_pb2.Rule = field.GetOptions().Extensions[extension]
    return found


def is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry
