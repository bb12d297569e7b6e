"""How the AI agent behaves: built-in defaults, the project's configuration, and what was set here."""

import time
from typing import Any

import orjson
from google.protobuf import json_format
from google.protobuf.message import Message

from protos import identity_pb2
from protos import intelligence_pb2 as pb
from services.intelligence import peers
from services.kit.actor import Actor
from services.kit.clock import now
from services.kit.db import Database, Row
from services.kit.errors import Refusal
from services.kit.log import log
from services.kit.tables import new_id

DEFAULTS: dict[str, Any] = {
    "agent_name": "Assistente",
    "tone_of_voice": "professional",
    "is_enabled": True,
    "auto_reply_enabled": True,
    "max_auto_replies": 5,
    "response_delay_seconds": 2,
    "confidence_threshold": 0.6,
    "escalate_on_low_confidence": True,
    "escalation_keywords": ["falar com humano", "atendente", "pessoa real"],
    "escalation_after_minutes": 30,
    "escalation_on_negative_sentiment": True,
    "handoff_message": "Vou chamar uma pessoa da nossa equipe para continuar. Só um momento, por favor.",
    "working_hours_start": "08:00",
    "working_hours_end": "18:00",
    "working_days": [1, 2, 3, 4, 5],
    "working_timezone": "America/Sao_Paulo",
    "personality_traits": {"empathy": 70, "directness": 50, "formality": 60, "enthusiasm": 50},
    "communication_style": "{}",
    "forbidden_topics": [],
    "competitor_handling": "neutral",
    "objection_style": "empathetic",
    "upsell_enabled": False,
    "upsell_triggers": [],
    "max_discount_percent": 0,
    "knowledge_base_enabled": True,
    "learn_from_agents": True,
    "temperature": 0.7,
    "max_tokens": 500,
}
NAMES = {field.name for field in pb.AgentConfig.DESCRIPTOR.fields}
SAVED = """
    select sector_id, settings, updated_at, updated_by from ai_agent_configs
    where sector_id is null or sector_id = %(sector)s::uuid order by sector_id nulls first
"""
LOCKED = """
    select settings from ai_agent_configs
    where sector_id is not distinct from %(sector)s::uuid for update
"""
SAVE = """
    insert into ai_agent_configs (id, sector_id, settings, updated_by, created_at, updated_at)
    values (%(id)s, %(sector)s, %(settings)s, %(by)s, %(at)s, %(at)s)
    on conflict (sector_id) do update
    set settings = excluded.settings, updated_by = excluded.updated_by, updated_at = excluded.updated_at
"""
REMEMBERED = 10.0
PROJECT_KEYS = ("ai_agent", "working_hours_start", "working_hours_end", "working_days", "default_timezone")

_project: dict[str, Any] = {}
_read_at = float("-inf")


async def get(db: Database, actor: Actor, request: pb.GetConfigRequest) -> pb.ConfigResponse:
    sector = request.sector_id if request.HasField("sector_id") else None
    async with db.read() as session:
        rows = await session.all(SAVED, sector=sector)
    return _shown(await project(), rows, sector)


async def update(db: Database, actor: Actor, request: pb.UpdateConfigRequest) -> pb.ConfigResponse:
    """Only what the body holds; null brings a default back."""
    sector = request.sector_id if request.HasField("sector_id") else None
    settings = await project()
    async with db.begin() as session:
        before = await session.scalar(LOCKED, sector=sector)
        values = changed(orjson.loads(before or "{}"), request)
        await session.run(
            SAVE,
            id=new_id(),
            sector=sector,
            settings=orjson.dumps(values).decode(),
            by=actor.id or None,
            at=now(),
        )
        return _shown(settings, await session.all(SAVED, sector=sector), sector)


async def current(db: Database, sector: str | None = None) -> pb.AgentConfig:
    """The configuration that holds for a conversation."""
    async with db.read() as session:
        rows = await session.all(SAVED, sector=sector)
    return resolved(await project(), *(orjson.loads(row.settings) for row in rows))


async def project() -> dict[str, Any]:
    """What the project's own configuration says of the agent, at most some seconds old."""
    global _project, _read_at
    if time.monotonic() - _read_at > REMEMBERED:
        _project, _read_at = await _read_project(), time.monotonic()
    return _project


def forget() -> None:
    """Read the project's configuration anew when it is next needed."""
    global _read_at
    _read_at = float("-inf")


async def _read_project() -> dict[str, Any]:
    """Nothing while identity is away."""
    try:
        reply = await peers.identity.ReadConfig(
            identity_pb2.ReadConfigRequest(keys=PROJECT_KEYS), timeout=2.0
        )
    except Refusal as refusal:
        log.warning("project_config_unavailable", code=refusal.name)
        return {}
    values = {key: orjson.loads(value) for key, value in reply.values.items()}
    hours = {key: values[key] for key in PROJECT_KEYS[1:4] if values.get(key)}
    if values.get("default_timezone"):
        hours["working_timezone"] = values["default_timezone"]
    agent = values.get("ai_agent")
    return hours | (named(agent) if isinstance(agent, dict) else {})


def named(given: dict[str, Any]) -> dict[str, Any]:
    """Camel-case keys to ours; what is unknown or of the wrong type is left out."""
    fields = {field.json_name: field.name for field in pb.AgentConfig.DESCRIPTOR.fields}
    settings = {}
    for key, value in given.items():
        name = fields.get(key, key)
        if name in NAMES and value is not None and _fits({name: value}):
            settings[name] = value
    return settings


def _fits(settings: dict[str, Any]) -> bool:
    try:
        json_format.ParseDict(settings, pb.AgentConfig())
    except json_format.ParseError:
        log.warning("project_config_ignored", names=[*settings])
        return False
    return True


def resolved(*layers: dict[str, Any]) -> pb.AgentConfig:
    """Each layer over the one before."""
    settings: dict[str, Any] = dict(DEFAULTS)
    for layer in layers:
        traits = settings["personality_traits"] | layer.get("personality_traits", {})
        settings |= layer | {"personality_traits": traits}
    return json_format.ParseDict(settings, pb.AgentConfig())


def changed(settings: dict[str, Any], request: pb.UpdateConfigRequest) -> dict[str, Any]:
    kept = dict(settings)
    for name in [*request.update_mask.paths]:
        if name not in NAMES:
            continue
        kept.pop(name, None)
        field = pb.UpdateConfigRequest.DESCRIPTOR.fields_by_name[name]
        if field.is_repeated:
            kept[name] = [*getattr(request, name)]
        elif request.HasField(name):
            value = getattr(request, name)
            kept[name] = _plain(value) if isinstance(value, Message) else value
    return kept


def _plain(message: Message) -> dict[str, Any]:
    return {field.name: value for field, value in message.ListFields()}


def _shown(settings: dict[str, Any], rows: list[Row], sector: str | None) -> pb.ConfigResponse:
    last = rows[-1] if rows else None
    return pb.ConfigResponse(
        config=resolved(settings, *(orjson.loads(row.settings) for row in rows)),
        sector_id=sector,
        updated_at=last.updated_at if last else None,
        updated_by=last.updated_by if last else None,
    )
