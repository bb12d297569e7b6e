"""The configuration of the workspace: keys with JSON values. Secrets are sealed, and shown to nobody."""

import re
from collections.abc import Callable
from typing import Any
from zoneinfo import available_timezones

import orjson

from protos import identity_pb2 as pb
from services.kit.actor import Actor
from services.kit.clock import now
from services.kit.db import Row, Session
from services.kit.errors import Invalid
from services.kit.outbox import emit
from services.kit.settings import vault
from services.kit.tables import new_id


class ConfigObjectRequired(Invalid):
    """Config object is required"""

    code = "validation_error"


KEY = re.compile(r"[a-z0-9_.]{1,64}")
SECRET = re.compile(r"secret|token|password|api_key")
CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
MASK = "***"
LONGEST = 100_000

VALUES = "select key, value from project_config where %(keys)s::text[] = '{}' or key = any(%(keys)s)"
SAVE = """
    insert into project_config (id, key, value, created_at, updated_at)
    select id, key, value, %(at)s, %(at)s
    from unnest(%(ids)s::uuid[], %(keys)s::text[], %(values)s::text[]) as line (id, key, value) order by key
    on conflict (key) do update set value = excluded.value, updated_at = excluded.updated_at
    returning id, key, value, created_at, updated_at
"""
DELETE = "delete from project_config where key = any(%(keys)s)"
RESEAL = "update project_config set value = %(value)s where key = %(key)s"


async def save(session: Session, actor: Actor, request: pb.SaveConfigRequest) -> pb.SaveConfigResponse:
    values = orjson.loads(request.config or "null")
    if not isinstance(values, dict):
        raise ConfigObjectRequired
    check(values)
    rows = await write(session, actor, values)
    return pb.SaveConfigResponse(
        success=True, config=[_row(row) for row in rows], message="Configuration saved successfully"
    )


async def get_config(session: Session, actor: Actor, request: pb.GetConfigRequest) -> pb.GetConfigResponse:
    """What is secret is masked; to agents it is not there at all."""
    rows = await session.all(VALUES, keys=[])
    shown = {row.key: row for row in rows if actor.leads or not is_secret(row.key)}
    values = {key: orjson.Fragment(_shown(row)) for key, row in shown.items()}
    return pb.GetConfigResponse(config=orjson.dumps(values).decode())


async def read(session: Session, actor: Actor, request: pb.ReadConfigRequest) -> pb.ReadConfigResponse:
    """For services: everything as it is."""
    rows = await session.all(VALUES, keys=[*request.keys])
    return pb.ReadConfigResponse(values={row.key: _opened(row) for row in rows})


async def write(session: Session, actor: Actor, values: dict[str, Any]) -> list[Row]:
    """Set keys, and delete those that are null. A mask that comes back leaves the secret as it is."""
    changed = {key: value for key, value in values.items() if not (is_secret(key) and value == MASK)}
    kept = {key: value for key, value in changed.items() if value is not None}
    await session.run(DELETE, keys=[key for key in changed if key not in kept])
    rows = await session.all(
        SAVE,
        ids=[new_id() for _ in kept],
        keys=[*kept],
        values=[_stored(key, value) for key, value in kept.items()],
        at=now(),
    )
    if changed:
        await emit(session, pb.ConfigUpdated(workspace="main", keys=sorted(changed), by=actor.id))
    return rows


async def value(session: Session, key: str) -> Any:
    row = await session.first(VALUES, keys=[key])
    return None if row is None else orjson.loads(_opened(row))


async def flag(session: Session, key: str) -> bool:
    """On only if it says so; people have stored `"true"` for true."""
    return await value(session, key) in (True, "true")


async def words(session: Session, key: str) -> list[str]:
    """A list, also where it was stored as words with commas between them."""
    found = await value(session, key)
    parts = found.split(",") if isinstance(found, str) else found if isinstance(found, list) else []
    return [word for word in (str(part).strip().lower().lstrip("@") for part in parts) if word]


async def reseal(session: Session) -> None:
    """Seal every secret under the current master secret."""
    for row in await session.all(VALUES, keys=[]):
        if is_secret(row.key) and not vault().is_current(row.value):
            await session.run(RESEAL, key=row.key, value=_stored(row.key, orjson.loads(_opened(row))))


def check(values: dict[str, Any]) -> None:
    """Refuse keys that cannot be, and values that would trip whoever reads them."""
    problems = {}
    for key, one in values.items():
        if not KEY.fullmatch(key):
            problems[key] = "is not a key: up to 64 of a-z, 0-9, _ and ."
        elif one is not None and key in KNOWN and not KNOWN[key](one):
            problems[key] = "is not valid"
        elif len(orjson.dumps(one)) > LONGEST:
            problems[key] = f"takes at most {LONGEST} characters"
    if problems:
        key, problem = next(iter(problems.items()))
        raise Invalid(f"{key} {problem}", fields=problems)


def is_secret(key: str) -> bool:
    return SECRET.search(key) is not None


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_flag(value: Any) -> bool:
    return value in (True, False, "true", "false")


def _is_clock(value: Any) -> bool:
    return isinstance(value, str) and CLOCK.fullmatch(value) is not None


def _are_days(value: Any) -> bool:
    return isinstance(value, list) and len(value) == len(
        {day for day in value if type(day) is int and 0 <= day <= 6}
    )


KNOWN: dict[str, Callable[[Any], bool]] = {
    "default_timezone": lambda value: _is_text(value) and value in available_timezones(),
    "working_hours_start": _is_clock,
    "working_hours_end": _is_clock,
    "working_days": _are_days,
    "setup_completed_at": _is_text,
    "require_account_approval": _is_flag,
    "restrict_signup_by_domain": _is_flag,
    "allowed_email_domains": lambda value: isinstance(value, str | list),
}


def _stored(key: str, value: Any) -> str:
    text = orjson.dumps(value).decode()
    return vault().seal(_place(key), text) if is_secret(key) else text


def _opened(row: Row) -> str:
    return vault().open(_place(row.key), row.value) if is_secret(row.key) else str(row.value)


def _shown(row: Row) -> str:
    return f'"{MASK}"' if is_secret(row.key) else str(row.value)


def _row(row: Row) -> pb.ConfigRow:
    return pb.ConfigRow(
        id=row.id, key=row.key, value=_shown(row), created_at=row.created_at, updated_at=row.updated_at
    )


def _place(key: str) -> str:
    return f"project_config|{key}|value"
