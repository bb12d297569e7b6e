"""A peer in our own language: FastAPI and SQLAlchemy's ORM in one process, as such a server is written."""

import os
import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any

import jwt
import uvicorn
from fastapi import Depends, FastAPI, Header, HTTPException
from sqlalchemy import ARRAY, JSON, Computed, ForeignKey, MetaData, Text, create_engine, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

URL = os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://")
sessions = sessionmaker(create_engine(URL, pool_size=16), expire_on_commit=False)
app = FastAPI()


class Base(DeclarativeBase):
    metadata = MetaData(schema="peer")


class Instance(Base):
    __tablename__ = "instances"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    instance_name: Mapped[str]


class Contact(Base):
    __tablename__ = "contacts"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    instance_id: Mapped[uuid.UUID]
    phone_number: Mapped[str]
    name: Mapped[str]
    remote_jid: Mapped[str]


class Conversation(Base):
    __tablename__ = "conversations"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    instance_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Instance.id))
    contact_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Contact.id))
    status: Mapped[str]
    conversation_mode: Mapped[str]
    assigned_to: Mapped[uuid.UUID | None]
    unread_count: Mapped[int]
    customer_message_count: Mapped[int]
    last_message_at: Mapped[datetime | None]
    recency: Mapped[datetime] = mapped_column(Computed("coalesce(last_message_at, '-infinity')"))
    last_message_preview: Mapped[str | None]
    is_last_message_from_me: Mapped[bool]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Message(Base):
    __tablename__ = "messages"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    conversation_id: Mapped[uuid.UUID]
    instance_id: Mapped[uuid.UUID]
    message_id: Mapped[str]
    remote_jid: Mapped[str]
    content: Mapped[str]
    message_type: Mapped[str]
    origin: Mapped[str]
    is_from_me: Mapped[bool]
    status: Mapped[str]
    timestamp: Mapped[datetime]


class Lead(Base):
    __tablename__ = "leads"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    contact_id: Mapped[uuid.UUID | None]
    conversation_id: Mapped[uuid.UUID | None]
    sector_id: Mapped[uuid.UUID | None]
    name: Mapped[str]
    phone: Mapped[str | None]
    email: Mapped[str | None]
    company: Mapped[str | None]
    status: Mapped[str]
    source: Mapped[str]
    value: Mapped[Decimal]
    probability: Mapped[int]
    expected_close_date: Mapped[date | None]
    assigned_to: Mapped[uuid.UUID | None]
    owner_inactive: Mapped[bool]
    created_by: Mapped[uuid.UUID | None]
    notes: Mapped[str | None]
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text))
    lead_metadata: Mapped[Any] = mapped_column("metadata", JSON)
    pipeline_insight: Mapped[Any] = mapped_column(JSON)
    lead_score: Mapped[int]
    bant_budget: Mapped[Any] = mapped_column(JSON)
    bant_authority: Mapped[Any] = mapped_column(JSON)
    bant_need: Mapped[Any] = mapped_column(JSON)
    bant_timeline: Mapped[Any] = mapped_column(JSON)
    qualification_data: Mapped[Any] = mapped_column(JSON)
    qualified_at: Mapped[datetime | None]
    qualified_by: Mapped[str | None]
    last_qualification_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    version: Mapped[int]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


def opened() -> Iterator[Session]:
    with sessions() as session:
        yield session


def user(authorization: Annotated[str, Header()]) -> dict[str, Any]:
    try:
        return dict(jwt.decode(authorization.removeprefix("Bearer "), os.environ["JWT_SECRET"], ["HS256"]))
    except jwt.InvalidTokenError as error:
        raise HTTPException(401, "Invalid token") from error


Database = Annotated[Session, Depends(opened)]
User = Annotated[dict[str, Any], Depends(user)]


@app.post("/webhook")
def webhook(body: dict[str, Any], session: Database) -> dict[str, Any]:
    data = body["data"]
    jid = data["key"]["remoteJid"]
    instance = session.scalars(select(Instance).where(Instance.instance_name == body["instance"])).one()
    contact = _contact(session, instance.id, jid, data["pushName"])
    conversation = _conversation(session, instance.id, contact)
    at = datetime.fromtimestamp(data["messageTimestamp"], UTC)
    content = data["message"]["conversation"]
    values = {
        "id": uuid.uuid4(),
        "conversation_id": conversation.id,
        "instance_id": instance.id,
        "message_id": data["key"]["id"],
        "remote_jid": jid,
        "content": content,
        "message_type": "text",
        "origin": "customer",
        "is_from_me": data["key"]["fromMe"],
        "status": "received",
        "timestamp": at,
    }
    stored = session.scalar(insert(Message).values(values).on_conflict_do_nothing().returning(Message.id))
    if stored:
        conversation.unread_count += 1
        conversation.customer_message_count += 1
        conversation.last_message_at, conversation.last_message_preview = at, content[:100]
        conversation.is_last_message_from_me = False
    session.commit()
    return {"received": True, "event": body["event"], "processed": int(stored is not None)}


def _contact(session: Session, instance: uuid.UUID, jid: str, name: str) -> uuid.UUID:
    values = {"id": uuid.uuid4(), "instance_id": instance, "phone_number": jid.partition("@")[0]}
    known = select(Contact.id).where(Contact.instance_id == instance)
    found = session.scalar(known.where(Contact.phone_number == values["phone_number"])) or session.scalar(
        insert(Contact)
        .values(**values, name=name, remote_jid=jid)
        .on_conflict_do_update(index_elements=["instance_id", "phone_number"], set_={"name": name})
        .returning(Contact.id)
    )
    assert isinstance(found, uuid.UUID)
    return found


def _conversation(session: Session, instance: uuid.UUID, contact: uuid.UUID) -> Conversation:
    values = {"id": uuid.uuid4(), "instance_id": instance, "contact_id": contact}
    session.execute(insert(Conversation).values(values).on_conflict_do_nothing())
    query = select(Conversation).where(Conversation.contact_id == contact).with_for_update()
    return session.scalars(query).one()


HEADERS = (
    select(Conversation, Contact, Instance)
    .join(Contact, Contact.id == Conversation.contact_id)
    .join(Instance, Instance.id == Conversation.instance_id)
)


def _shown(conversation: Conversation, contact: Contact, instance: Instance) -> dict[str, Any]:
    shown = {column.name: getattr(conversation, column.name) for column in Conversation.__table__.columns}
    more = {"contact_phone": contact.phone_number, "contact_name": contact.name}
    return shown | more | {"instance_name": instance.instance_name}


@app.get("/conversations")
def listing(session: Database, user: User, limit: int = 50) -> dict[str, Any]:
    ordered = HEADERS.order_by(Conversation.recency.desc(), Conversation.id.desc())
    return {"conversations": [_shown(*row) for row in session.execute(ordered.limit(limit))]}


@app.get("/conversations/{id}")
def one(id: uuid.UUID, session: Database, user: User, messagesLimit: int = 100) -> dict[str, Any]:
    row = session.execute(HEADERS.where(Conversation.id == id)).first()
    if row is None:
        raise HTTPException(404, "Conversation not found")
    newest = select(Message).where(Message.conversation_id == id).order_by(Message.timestamp.desc())
    thread = session.scalars(newest.limit(messagesLimit)).all()
    columns = [column.name for column in Message.__table__.columns]
    told = [{name: getattr(message, name) for name in columns} for message in reversed(thread)]
    return {"conversation": _shown(*row), "messages": told}


@app.get("/leads")
def leads(session: Database, user: User, limit: int = 50) -> dict[str, Any]:
    newest = select(Lead).order_by(Lead.created_at.desc(), Lead.id.desc()).limit(limit)
    shown = [
        {name: getattr(lead, name) for name in Lead.__mapper__.attrs.keys()}  # noqa: SIM118
        for lead in session.scalars(newest)
    ]
    totals = select(Lead.status, func.count(), func.sum(Lead.value)).group_by(Lead.status)
    by_status = {status: {"count": count, "value": value} for status, count, value in session.execute(totals)}
    return {"leads": shown, "summary": {"byStatus": by_status}}


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), access_log=False, log_level="warning")
