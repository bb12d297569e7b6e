"""The configuration of the workspace: keys with JSON values."""

from typing import Any

import orjson

from protos import identity_pb2 as pb
from services.kit.actor import Actor
from services.kit.db import Session

VALUES = "select value, key from project_config where %(keys)s::text[] = '{}' or key = any(%(keys)s)"


async def read(session: Session, actor: Actor, request: pb.ReadConfigRequest) -> pb.ReadConfigResponse:
    rows = await session.all(VALUES, keys=[*request.keys])
    return pb.ReadConfigResponse(values={row.key: row.value for row in rows})


async def flag(session: Session, key: str) -> bool:
    """On only if it says so; people have stored `"true"` for true."""
    return await _value(session, key) in (True, "true")


async def words(session: Session, key: str) -> list[str]:
    """A list, also where it was stored as words with commas between them."""
    value = await _value(session, key)
    words = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else []
    return [word for word in (str(word).strip().lower().lstrip("@") for word in words) if word]


async def _value(session: Session, key: str) -> Any:
    text = await session.scalar(VALUES, keys=[key])
    return None if text is None else orjson.loads(text)
