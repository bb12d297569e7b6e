"""The record of what the AI agent did: what was asked, what it said, and on what ground."""

from dataclasses import dataclass, field
from typing import Any

import orjson
from sqlalchemy.dialects.postgresql import insert

from services.intelligence import privacy
from services.intelligence.models import AgentLog
from services.kit.clock import now
from services.kit.db import Session
from services.kit.tables import new_id

FINISH = """
    update ai_agent_logs set action = %(action)s, reply_message_id = %(reply)s
    where id = %(id)s and action = 'response_generated'
    returning conversation_id
"""
DROP = "update ai_agent_logs set action = %(action)s, reason = %(reason)s where id = %(id)s"


@dataclass(frozen=True)
class Entry:
    conversation_id: str
    message_id: str | None
    action: str
    session_id: str | None = None
    input_message: str | None = None
    ai_response: str | None = None
    confidence: float | None = None
    intent: str | None = None
    reason: str | None = None
    keyword: str | None = None
    knowledge_ids: list[str] = field(default_factory=list)
    template_ids: list[str] = field(default_factory=list)
    example_ids: list[str] = field(default_factory=list)
    is_preview: bool = False
    provider: str | None = None
    model_used: str | None = None
    degraded: bool = False
    tokens_used: int | None = None
    response_time_ms: int | None = None
    details: dict[str, Any] = field(default_factory=dict)


async def add(session: Session, entry: Entry) -> str:
    """The id of the new row."""
    values = entry.__dict__ | {
        "id": new_id(),
        "created_at": now(),
        "input_message": privacy.masked(entry.input_message) if entry.input_message else None,
        "details": orjson.dumps(entry.details).decode(),
    }
    await session.run(insert(AgentLog).values(**values))
    return str(values["id"])


async def finish(session: Session, id: str, action: str, reply: str | None) -> str | None:
    """The conversation that it is about now, if this call is the one that finished it."""
    finished: str | None = await session.scalar(FINISH, id=id, action=action, reply=reply)
    return finished


async def drop(session: Session, id: str, action: str, reason: str) -> None:
    """What was decided on and did not come to pass: `skipped`, or an `error`."""
    await session.run(DROP, id=id, action=action, reason=reason)
