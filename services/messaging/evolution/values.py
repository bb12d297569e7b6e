"""Reading values that Evolution's versions spell differently, without ever trusting their type."""

import binascii
import json
import math
import re
from base64 import b64decode
from datetime import UTC, datetime
from typing import Any

import orjson

NO_FIELDS: dict[str, Any] = {}
LONGEST_NUMBER = 20
MILLISECONDS = 10**11  # as seconds this is the year 5138
NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")


def decoded(body: bytes | bytearray) -> Any:
    """Mend what would stick later: NUL, which PostgreSQL refuses, and half an emoji, which orjson refuses."""
    if b"\\u0000" in body:
        body = NUL.sub(rb"\1", body)
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        try:
            return orjson.loads(json.dumps(json.loads(body), ensure_ascii=False).encode(errors="replace"))
        except RecursionError as error:
            raise ValueError("nested too deeply") from error


def text(value: object) -> str | None:
    """A string with something in it: Evolution sends `""` where it means nothing."""
    return value if isinstance(value, str) and value else None


def fields(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else NO_FIELDS


def elements(value: object) -> list[Any]:
    """Several events come as one object from one code path and as an array from another."""
    if isinstance(value, list):
        return value
    return [] if value is None else [value]


def integer(value: object) -> int | None:
    """64-bit numbers come as a number, as a decimal string or as `{low, high, unsigned}`."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if math.isfinite(value) else None
    if isinstance(value, str):
        digits = value.removeprefix("-")
        return int(value) if digits.isascii() and digits.isdigit() and len(digits) <= LONGEST_NUMBER else None
    if isinstance(value, dict):
        low, high = value.get("low"), value.get("high", 0)
        if isinstance(low, int) and isinstance(high, int):
            return high * 2**32 + (low & 0xFFFFFFFF)
    return None


def number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value


def moment(value: object) -> datetime | None:
    seconds = integer(value)
    if seconds is None or seconds <= 0:
        return None
    try:
        return datetime.fromtimestamp(seconds / 1000 if seconds > MILLISECONDS else seconds, UTC)
    except (OverflowError, OSError, ValueError):
        return None


def octets(value: object) -> bytes | None:
    """Bytes come as base64, as an object with index keys or as Node's `{type: "Buffer", data}`."""
    if isinstance(value, str):
        try:
            return b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            return None
    if isinstance(value, dict):
        value = value["data"] if "data" in value else [value.get(str(index)) for index in range(len(value))]
    try:
        return bytes(value) if isinstance(value, list) and value else None
    except (TypeError, ValueError):
        return None


def present(**values: object) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
