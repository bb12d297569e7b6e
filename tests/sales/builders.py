"""Things that tests of sales begin with, with defaults for whatever they do not care about."""

import asyncio
from typing import Any, TypeVar

from google.protobuf.message import Message

from protos import messaging_pb2
from protos import sales_pb2 as pb
from protos.intelligence_pb2 import (
    AnalyzeBantResponse,
    AuthorityFinding,
    BantEvidence,
    BudgetFinding,
    NeedFinding,
    TimelineFinding,
)
from services.kit.actor import Actor
from services.kit.db import Database, Row, Session
from services.kit.tables import new_id
from services.sales import leads, qualification
from tests.sales.neighbours import Neighbours
from tests.support import ADMIN, MARIA

Event = TypeVar("Event", bound=Message)


async def lead(session: Session, **values: Any) -> Row:
    """A stored lead; Maria's, unless the test says whose."""
    created = await leads.add(session, {"name": "Padaria Estrela", "assigned_to": MARIA.id} | values, by=None)
    assert created is not None
    return created


async def reread(session: Session, id: str) -> Row:
    """The row as it is stored."""
    return await session.first("select * from leads where id = %(id)s", id=id)


async def told(session: Session, about: str) -> list[str]:
    """The names of the events about one thing, in order."""
    rows = await session.all("select type from outbox where key = %(key)s order by id", key=about)
    return [row.type.rsplit(".", 1)[-1] for row in rows]


async def last_told(session: Session, about: str, kind: type[Event]) -> Event:
    """The newest event of a kind about one thing."""
    body = await session.scalar(
        "select body from outbox where key = %(key)s and type = %(type)s order by id desc limit 1",
        key=about,
        type=kind.DESCRIPTOR.full_name,
    )
    return kind.FromString(body)


async def waits(db: Database) -> None:
    """Until somebody waits for a lock: what a test started meets what the test has not committed yet."""
    waiting = (
        "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and usename = current_user"
    )
    async with asyncio.timeout(10), db.read() as session:
        while True:
            if await session.scalar(waiting):
                return
            await asyncio.sleep(0.01)


def changing(id: str, **fields: Any) -> pb.UpdateLeadRequest:
    """What the gateway makes of a body with these fields; None is null."""
    request = pb.UpdateLeadRequest(
        id=id, **{name: value for name, value in fields.items() if value is not None}
    )
    request.update_mask.paths.extend(fields)
    return request


def said(text: str, **fields: Any) -> messaging_pb2.Message:
    """A message of the customer."""
    return messaging_pb2.Message(
        **{
            "id": new_id(),
            "content": text,
            "message_type": "text",
            "timestamp": "2026-11-23T12:00:00.000Z",
            **fields,
        }
    )


def conversation(
    neighbours: Neighbours, *messages: messaging_pb2.Message, name: str = "Ana Souza", **fields: Any
) -> messaging_pb2.ConversationContext:
    """A conversation that messaging knows."""
    contact = messaging_pb2.Contact(id=new_id(), name=name, phone_number="5511987654321")
    known = messaging_pb2.Conversation(id=new_id(), contact_id=contact.id, **fields)
    context = messaging_pb2.ConversationContext(conversation=known, contact=contact, messages=messages)
    neighbours.conversations[known.id] = context
    neighbours.contacts[contact.id] = contact
    return context


def cited(message: str, quote: str) -> list[BantEvidence]:
    return [BantEvidence(message_id=message, quote=quote)]


def convinced(message: messaging_pb2.Message, **fields: Any) -> AnalyzeBantResponse:
    """A model that is sure of everything, for what this message says."""
    evidence = cited(message.id, message.content)
    found: dict[str, Any] = {
        "budget": BudgetFinding(detected=True, confidence=1, evidence=evidence, estimated_value=9000),
        "authority": AuthorityFinding(
            detected=True, confidence=1, evidence=evidence, role="dona", is_decision_maker=True
        ),
        "need": NeedFinding(
            detected=True, confidence=1, evidence=evidence, pain_points=["fila"], urgency="high"
        ),
        "timeline": TimelineFinding(detected=True, confidence=1, evidence=evidence, timeframe="immediate"),
        "overall_intent": "purchase",
        "recommended_action": "qualify",
        "suggested_value": 9000,
        "reasoning": "Quer comprar já.",
        "provider": "groq",
        "model": "a-model",
        "tokens_used": 321,
    }
    return AnalyzeBantResponse(**(found | fields))


async def stored(db: Database, **values: Any) -> Row:
    async with db.begin() as session:
        return await lead(session, **values)


async def qualify(db: Database, id: str, actor: Actor = MARIA, **fields: Any) -> pb.QualifyLeadResponse:
    return await qualification.qualify(db, actor, pb.QualifyLeadRequest(id=id, **fields))


async def detail(db: Database, id: str) -> pb.GetLeadResponse:
    async with db.read() as session:
        return await leads.get(session, ADMIN, pb.GetLeadRequest(id=id))


async def talking(
    db: Database, neighbours: Neighbours, *messages: messaging_pb2.Message, **values: Any
) -> Row:
    """A lead with a conversation."""
    known = conversation(neighbours, *messages)
    return await stored(db, conversation_id=known.conversation.id, contact_id=known.contact.id, **values)


async def criteria(session: Session, **values: Any) -> str:
    """Criteria of a sector of its own."""
    sector = new_id()
    await session.run(
        "insert into lead_qualification_criteria (id, sector_id, budget_keywords, authority_keywords,"
        " need_keywords, timeline_keywords, messages_before_qualification, auto_create_leads,"
        " qualification_enabled) values (%(id)s, %(sector)s, '{}', '{}', '{}', '{}', %(after)s, %(creates)s,"
        " %(enabled)s)",
        id=new_id(),
        sector=sector,
        **{"after": 5, "creates": True, "enabled": True} | values,
    )
    return sector
