"""JSON Schemas of the protos' messages, as requests take them and as replies show them."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import orjson
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from gateway import descriptions
from gateway.requests import OURS
from gateway.routes import FILES
from gateway.wire import HIDDEN, is_map, rule
from protos import rules_pb2

Schema = dict[str, Any]

FORMATS: dict[int, Schema] = {
    rules_pb2.UUID: {"format": "uuid", "examples": ["0197d6f2-7c1e-7b60-9a5c-3f2f6c1d8e01"]},
    rules_pb2.EMAIL: {"format": "email", "examples": ["ana@empresa.com.br"]},
    rules_pb2.TIME: {"format": "date-time", "examples": ["2026-11-23T18:00:00Z"]},
    rules_pb2.DATE: {"format": "date", "examples": ["2026-11-23"]},
    rules_pb2.URL: {"format": "uri", "examples": ["https://empresa.com.br"]},
    rules_pb2.PHONE: {"examples": ["+55 11 98765-4321"]},
    rules_pb2.TIMEZONE: {"examples": ["America/Sao_Paulo"]},
    rules_pb2.CLOCK: {"pattern": r"^(?:[01]\d|2[0-3]):[0-5]\d$", "examples": ["09:00"]},
}
TYPES = {
    FieldDescriptor.CPPTYPE_STRING: "string",
    FieldDescriptor.CPPTYPE_BOOL: "boolean",
    FieldDescriptor.CPPTYPE_INT32: "integer",
    FieldDescriptor.CPPTYPE_INT64: "integer",
    FieldDescriptor.CPPTYPE_DOUBLE: "number",
}


@dataclass
class Components:
    """The named schemas of one document, collected while it is written."""

    schemas: dict[str, Schema] = field(default_factory=dict)

    def reply(self, descriptor: Descriptor) -> Schema:
        """Every field is there; the optional ones may be null."""
        name = title(descriptor)
        if name not in self.schemas:
            self.schemas[name] = {}  # a message may hold itself
            self.schemas[name] = self.shown(descriptor)
        return {"$ref": f"#/components/schemas/{name}"}

    def shown(self, descriptor: Descriptor) -> Schema:
        """The same, without a name."""
        fields = [one for one in descriptor.fields if one.name not in HIDDEN]
        schema = _object({one.json_name: self._field(one) for one in fields}, all_of_them=True)
        _describe(schema, descriptions.of(descriptor))
        return schema

    def _field(self, one: FieldDescriptor) -> Schema:
        if is_map(one):
            return _described(_map(one), one)
        if one.message_type is not None:
            shown = self.reply(one.message_type)
        else:
            shown = _plain(one)
            if known := descriptions.values(one):
                shown = {**shown, "enum": known}
            elif one.name.endswith("_at"):
                shown = {**shown, "format": "date-time"}
        if one.is_repeated:
            return _described({"type": "array", "items": shown}, one)
        return _described(_or_null(shown) if is_optional(one) else shown, one)

    def body(self, descriptor: Descriptor, without: Collection[str] = ()) -> Schema:
        """What a request's body holds: all fields but those of the path."""
        name = title(descriptor)
        if not name.endswith("Request"):
            name = f"{name}Input"
        schema = _object(
            {one.json_name: self.taken(one) for one in taken(descriptor, without)},
            required=[one.json_name for one in taken(descriptor, without) if rule(one).required],
        )
        _describe(schema, descriptions.of(descriptor))
        while self.schemas.setdefault(name, schema) != schema:
            name += "Body"
        return {"$ref": f"#/components/schemas/{name}"}

    def taken(self, one: FieldDescriptor) -> Schema:
        """One field as a request may send it."""
        rules = rule(one)
        if is_map(one):
            return _described(_map(one), one)
        accepted = self.body(one.message_type) if one.message_type is not None else _accepted(one)
        if one.is_repeated:
            accepted = {"type": "array", "items": accepted}
            if rules.min_items:
                accepted["minItems"] = rules.min_items
            if rules.max_items:
                accepted["maxItems"] = rules.max_items
            return _described(accepted, one)
        return _described(accepted if rules.required else _or_null(accepted), one)


def title(descriptor: Descriptor) -> str:
    """The message's name, with its service's before it where two services use the same."""
    if _uses()[descriptor.name] <= 1:
        return str(descriptor.name)
    return f"{descriptor.full_name.split('.')[1].title()}{descriptor.name}"


@cache
def _uses() -> Counter[str]:
    return Counter(name for file in FILES for name in file.message_types_by_name)


def taken(descriptor: Descriptor, without: Collection[str] = ()) -> list[FieldDescriptor]:
    """The fields that a client fills."""
    return [one for one in descriptor.fields if one.name not in OURS and one.json_name not in without]


def is_optional(one: FieldDescriptor) -> bool:
    """Whether the proto says `optional`."""
    return one.containing_oneof is not None


def example(one: FieldDescriptor) -> Any:
    """A value that the field takes, where its rule tells of one."""
    rules = rule(one)
    if rules.example and one.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        return [rules.example] if one.is_repeated else rules.example
    if rules.example:
        return orjson.loads(rules.example)
    if not rules.required or one.message_type is not None or one.is_repeated:
        return None
    known = rules.values or FORMATS.get(rules.format, {}).get("examples")
    if known:
        return known[0]
    return {"string": "texto", "boolean": True}.get(TYPES[one.cpp_type], 1)


def _plain(one: FieldDescriptor) -> Schema:
    kind = rule(one).format
    if kind == rules_pb2.JSON:
        return {}
    return {"type": TYPES[one.cpp_type], **FORMATS.get(kind, {})}


def _accepted(one: FieldDescriptor) -> Schema:
    """The field's rule, in the words of JSON Schema. What is clamped is never refused, so it is only told."""
    rules, schema = rule(one), _plain(one)
    if rules.format == rules_pb2.JSON:
        return schema
    if rules.values:
        schema["enum"] = [*rules.values]
    if rules.pattern:
        schema["pattern"] = f"^(?:{rules.pattern})$"
    if rules.min_length:
        schema["minLength"] = rules.min_length
    if rules.max_length and not rules.values:
        schema["maxLength"] = rules.max_length
    if rules.HasField("min") and not rules.clamp:
        schema["minimum"] = _number(rules.min)
    if rules.HasField("max") and not rules.clamp:
        schema["maximum"] = _number(rules.max)
    if (known := example(one)) is not None and not one.is_repeated:
        schema["examples"] = [known]
    return schema


def _map(one: FieldDescriptor) -> Schema:
    assert one.message_type is not None
    value = one.message_type.fields_by_name["value"]
    is_json = rule(one).format == rules_pb2.JSON
    return {"type": "object", "additionalProperties": {} if is_json else {"type": TYPES[value.cpp_type]}}


def _object(
    properties: dict[str, Schema], *, required: Collection[str] = (), all_of_them: bool = False
) -> Schema:
    wanted = [*(properties if all_of_them else required)]
    schema: Schema = {"type": "object", "properties": properties}
    return schema | ({"required": wanted} if wanted else {})


def _or_null(schema: Schema) -> Schema:
    if "$ref" in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    if "type" not in schema:
        return schema
    nullable = {**schema, "type": [schema["type"], "null"]}
    return nullable | ({"enum": [*schema["enum"], None]} if "enum" in schema else {})


def _described(schema: Schema, one: FieldDescriptor) -> Schema:
    rules, sentences = rule(one), [descriptions.of(one)]
    if rules.clamp:
        low, high = (_number(rules.min), _number(rules.max))
        bounds = f"{low} to {high}" if rules.HasField("max") else f"At least {low}"
        sentences.append(f"{bounds}; what is outside is brought to the nearest bound.")
    if rules.aliases:
        sentences.append(f"Also taken as {', '.join(rules.aliases)}.")
    described = {**schema}
    _describe(described, " ".join(filter(None, sentences)))
    return described


def _describe(schema: Schema, text: str) -> None:
    if text:
        schema["description"] = text


def _number(value: float) -> float | int:
    return int(value) if value == int(value) else value
