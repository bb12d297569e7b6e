"""What the protos' comments say of services, RPCs, messages and fields, and the code of its refusals."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

COMPILED = Path(__file__).parents[1] / "protos" / "descriptors.binpb"
REFUSALS = Path(__file__).parent / "refusals.json"
VALUES = re.compile(r"[a-z0-9_]+(, [a-z0-9_]+)+")


def of(descriptor: Any) -> str:
    """The comment at a message, field, RPC or service; empty where there is none."""
    return _comments().get(descriptor.full_name, "")


def of_file(name: str) -> str:
    return _comments().get(name, "")


def values(descriptor: Any) -> list[str]:
    """The values that a field's comment lists, where the comment is nothing but that list."""
    comment = of(descriptor)
    return comment.split(", ") if VALUES.fullmatch(comment) else []


def refusals(rpc: Any) -> dict[str, dict[str, Any]]:
    """The status and sentence of each code that the RPC refuses with, besides those that any may."""
    return _refusals().get(f"{rpc.containing_service.name}.{rpc.name}", {})


@cache
def _refusals() -> dict[str, dict[str, dict[str, Any]]]:
    """`make client` finds them in the services' code (deploy/refusals.py)."""
    found: dict[str, dict[str, dict[str, Any]]] = json.loads(REFUSALS.read_text())
    return found


@cache
def _comments() -> dict[str, str]:
    compiled = FileDescriptorSet.FromString(COMPILED.read_bytes())
    return {name: text for file in compiled.file for name, text in _of_file(file) if text}


def _of_file(file: FileDescriptorProto) -> list[tuple[str, str]]:
    """Paths of source locations are numbers: 4 is a message, 4.2 its field, 6 a service, 6.2 its RPC."""
    found = []
    for location in file.source_code_info.location:
        text = " ".join((location.leading_comments + location.trailing_comments).split())
        match [*location.path]:
            case [12]:
                found.append((file.name, text))
            case [4, message]:
                found.append((f"{file.package}.{file.message_type[message].name}", text))
            case [4, message, 2, field]:
                holder = file.message_type[message]
                found.append((f"{file.package}.{holder.name}.{holder.field[field].name}", text))
            case [6, service]:
                found.append((f"{file.package}.{file.service[service].name}", text))
            case [6, service, 2, method]:
                owner = file.service[service]
                found.append((f"{file.package}.{owner.name}.{owner.method[method].name}", text))
    return found
