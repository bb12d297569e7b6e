"""A request's path, query and body to its protobuf message, checked against the field rules."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import orjson
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from gateway import formats
from gateway.wire import rule
from protos import rules_pb2
from services.kit.errors import Invalid

OURS = {"client_address", "user_agent", "update_mask"}  # filled by the gateway, never by the client


NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")  # PostgreSQL's JSON cannot hold it


class _Refused(Exception):
    """One value breaks its rule; the text says which."""


@dataclass
class Reading:
    """What is wrong so far; everything is reported at once."""

    problems: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    told: str = ""


def read(
    descriptor: Descriptor, path: Mapping[str, str], query: Mapping[str, list[str]], body: Any
) -> Message:
    """The request message. Path and query are text; unknown keys of the body are ignored."""
    if body is not None and not isinstance(body, dict):
        raise Invalid("The body must be a JSON object.")
    reading = Reading()
    known = _names(descriptor)
    given = {**(body or {}), **{key: Text(texts) for key, texts in query.items()}}
    in_path = {known[key] for key in path if key in known}  # no other name of the same field overrides it
    values = {key: value for key, value in given.items() if known.get(key) not in in_path}
    values |= {key: Text([text]) for key, text in path.items()}
    message = _message(descriptor, values, "", reading)
    if body and "update_mask" in descriptor.fields_by_name:
        message.update_mask.paths.extend(known[key].name for key in body if key in known)  # type: ignore[attr-defined]
    _refuse(reading, descriptor, path)
    return message


class Text(list[str]):
    """A value from path or query: text, perhaps several."""


def _refuse(reading: Reading, descriptor: Descriptor, path: Mapping[str, str]) -> None:
    if not reading.problems:
        return
    for key in path:
        if key in reading.problems:
            raise Invalid(rule(_names(descriptor)[key]).message or "Invalid id", fields=reading.problems)
    extension: Any = rules_pb2.missing
    sentence: str = descriptor.GetOptions().Extensions[extension]
    if reading.missing and sentence:
        raise Invalid(sentence, fields=reading.problems)
    first = next(iter(reading.problems))
    raise Invalid(reading.told or f"{first} {reading.problems[first]}", fields=reading.problems)


def _message(descriptor: Descriptor, values: Mapping[str, Any], path: str, reading: Reading) -> Message:
    names = _names(descriptor)
    found: dict[str, Any] = {}
    for key, raw in values.items():
        field = names.get(key)
        if field is None or raw is None:
            continue
        try:
            found[field.name] = _value(field, raw, f"{path}{key}", reading)
        except _Refused as refused:
            reading.problems[f"{path}{key}"] = str(refused)
            reading.told = reading.told or rule(field).message
    for field in _required(descriptor):
        if found.get(field.name) in (None, "", []) and f"{path}{field.json_name}" not in reading.problems:
            reading.problems[f"{path}{field.json_name}"] = "is required"
            reading.missing.append(field.json_name)
    return GetMessageClass(descriptor)(**found)


def _value(field: FieldDescriptor, raw: Any, path: str, reading: Reading) -> Any:
    if field.is_repeated and field.message_type is not None and field.message_type.GetOptions().map_entry:
        return _map(field, raw)
    if field.is_repeated:
        return _list(field, raw, path, reading)
    if field.message_type is not None:
        if not isinstance(raw, dict):
            raise _Refused("must be an object")
        return _message(field.message_type, raw, f"{path}.", reading)
    if isinstance(raw, Text):
        return _scalar(field, raw[-1], from_text=True)
    return _scalar(field, raw, from_text=False)


def _list(field: FieldDescriptor, raw: Any, path: str, reading: Reading) -> list[Any]:
    if isinstance(raw, Text):
        items = [part for text in raw for part in text.split(",") if part]
        return [_scalar(field, item, from_text=True) for item in items]
    if not isinstance(raw, list):
        raise _Refused("must be a list")
    least, most = rule(field).min_items, rule(field).max_items
    if len(raw) < least:
        raise _Refused(f"takes at least {least} item{'s' * (least > 1)}")
    if most and len(raw) > most:
        raise _Refused(f"takes at most {most} items")
    if field.message_type is None:
        return [_scalar(field, item, from_text=False) for item in raw]
    if not all(isinstance(item, dict) for item in raw):
        raise _Refused("must be a list of objects")
    return [_message(field.message_type, item, f"{path}[{n}].", reading) for n, item in enumerate(raw)]


def _map(field: FieldDescriptor, raw: Any) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise _Refused("must be an object")
    assert field.message_type is not None
    value = field.message_type.fields_by_name["value"]
    if any("\0" in key for key in raw):
        raise _Refused("holds a character that is not allowed")
    if rule(field).format == rules_pb2.JSON:
        return {key: _json(field, item) for key, item in raw.items()}
    return {key: _scalar(value, item, from_text=False) for key, item in raw.items()}


def _scalar(field: FieldDescriptor, raw: Any, *, from_text: bool) -> Any:
    if rule(field).format == rules_pb2.JSON:
        return _json(field, raw)
    return _CHECKS[field.cpp_type](field, raw, from_text)


def _json(field: FieldDescriptor, raw: Any) -> str:
    try:
        text = orjson.dumps(raw).decode()
    except orjson.JSONEncodeError:
        raise _Refused("is nested too deeply") from None
    if NUL.search(text):
        raise _Refused("holds a character that is not allowed")
    most = rule(field).max_length
    if most and len(text) > most:
        raise _Refused(f"takes at most {most} characters")
    return text


def _string(field: FieldDescriptor, raw: Any, from_text: bool) -> str:
    rules = rule(field)
    if not isinstance(raw, str):
        raise _Refused("must be text")
    if "\0" in raw:
        raise _Refused("holds a character that is not allowed")
    value = raw.strip() if rules.trim else raw
    if not value and not rules.min_length:
        return value
    if rules.min_length and len(value) < rules.min_length:
        raise _Refused(f"takes at least {rules.min_length} characters")
    if rules.max_length and len(value) > rules.max_length:
        raise _Refused(f"takes at most {rules.max_length} characters")
    if rules.values and value not in rules.values:
        raise _Refused(f"must be one of {', '.join(rules.values)}")
    if rules.pattern and not formats.matches(rules.pattern, value):
        raise _Refused("is not well formed")
    try:
        return formats.CHECKS[rules.format](value)
    except ValueError as error:
        raise _Refused(str(error)) from None


def _number(field: FieldDescriptor, raw: Any, from_text: bool) -> float | int:
    whole = field.cpp_type not in (FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT)
    value = _parsed(raw, whole) if from_text else raw
    if isinstance(value, bool) or not isinstance(value, int | float) or not _fits(value, whole):
        raise _Refused("must be a whole number" if whole else "must be a number")
    rules = rule(field)
    low = rules.min if rules.HasField("min") else (-(2**31) if whole else float("-inf"))
    high = rules.max if rules.HasField("max") else (2**31 - 1 if whole else float("inf"))
    if not low <= value <= high:
        if not rules.clamp:
            raise _Refused(f"must be between {low:.15g} and {high:.15g}")
        value = min(max(value, low), high)
    return int(value) if whole else float(value)


def _fits(value: float | int, whole: bool) -> bool:
    return math.isfinite(value) and (not whole or value == int(value))


def _parsed(text: str, whole: bool) -> float | int | None:
    try:
        return int(text) if whole else float(text)
    except ValueError:
        return None


def _bool(field: FieldDescriptor, raw: Any, from_text: bool) -> bool:
    if from_text and raw.lower() in ("true", "1", "yes", ""):
        return True
    if from_text and raw.lower() in ("false", "0", "no"):
        return False
    if not isinstance(raw, bool):
        raise _Refused("must be true or false")
    return raw


_CHECKS: dict[int, Callable[[FieldDescriptor, Any, bool], Any]] = {
    FieldDescriptor.CPPTYPE_STRING: _string,
    FieldDescriptor.CPPTYPE_BOOL: _bool,
    FieldDescriptor.CPPTYPE_INT32: _number,
    FieldDescriptor.CPPTYPE_INT64: _number,
    FieldDescriptor.CPPTYPE_DOUBLE: _number,
}


@cache
def _names(descriptor: Descriptor) -> dict[str, FieldDescriptor]:
    """The JSON names of a message's fields, aliases included."""
    fields = [field for field in descriptor.fields if field.name not in OURS]
    aliases = {alias: field for field in fields for alias in rule(field).aliases}
    return aliases | {field.json_name: field for field in fields}


@cache
def _required(descriptor: Descriptor) -> tuple[FieldDescriptor, ...]:
    return tuple(field for field in descriptor.fields if rule(field).required)
