"""What tests of the AI agent set up: how it behaves in one sector, and what the company knows there."""

from typing import Any

from protos import intelligence_pb2 as pb
from protos import knowledge_pb2
from services.intelligence import agents
from services.kit.bus import subject
from services.kit.db import Database
from services.knowledge import edits
from tests.intelligence.desk import Chat, Desk
from tests.support import ADMIN, SUPERVISOR

ALWAYS = {"working_hours_start": "00:00", "working_hours_end": "00:00", "working_days": [0, 1, 2, 3, 4, 5, 6]}


async def configure(db: Database, chat: Chat, **settings: Any) -> None:
    """How the agent behaves in this conversation's sector: at any hour and at once, unless said otherwise."""
    values = ALWAYS | {"response_delay_seconds": 0} | settings
    request = pb.UpdateConfigRequest(sector_id=chat.sector_id, **values)
    request.update_mask.paths.extend(values)
    await agents.update(db, ADMIN, request)


async def knows(databases: dict[str, Database], chat: Chat, question: str, answer: str, **more: Any) -> str:
    """An entry of the knowledge base, for this conversation's sector; its id."""
    request = knowledge_pb2.ManageEntryRequest(
        category="faq", question=question, answer=answer, sector_id=chat.sector_id, **more
    )
    return (await edits.manage(databases["knowledge"], SUPERVISOR, request)).entry.id


async def announced(db: Database, about: str) -> list[str]:
    """The names of the events about a conversation, in order."""
    async with db.read() as session:
        rows = await session.all("select type from outbox where key = %(key)s order by id", key=about)
    return [subject(row.type).removeprefix("convo.intelligence.") for row in rows]


def reply(text: str, **more: Any) -> dict[str, Any]:
    """What a model answers when it is asked for a reply."""
    return {
        "reply": text,
        "confidence": 0.9,
        "intent": "question",
        "shouldEscalate": False,
        "escalationReason": None,
        "usedKnowledgeIds": [],
        "schedulingIntent": False,
        "language": "pt",
    } | more


async def open_chat(db: Database, desk: Desk, **given: str) -> Chat:
    chat = desk.chat(**given)
    await configure(db, chat)
    return chat


async def actions(db: Database, chat: Chat) -> list[tuple[str, str | None]]:
    async with db.read() as session:
        rows = await session.all(
            "select action, reason from ai_agent_logs where conversation_id = %(id)s order by created_at",
            id=chat.id,
        )
    return [(row.action, row.reason) for row in rows]
