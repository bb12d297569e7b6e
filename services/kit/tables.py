"""What every service's tables share: naming, column types, and the five tables of the kit."""

from typing import Annotated, Any

from sqlalchemy import (
    BigInteger,
    Column,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP
from sqlalchemy.orm import mapped_column
from uuid_utils import uuid7

from services.kit.clock import now

MOMENT = TIMESTAMP(timezone=True, precision=3)  # what JSON shows, so that a cursor is exact

Id = Annotated[str, mapped_column(Uuid(as_uuid=False))]
Key = Annotated[str, mapped_column(Uuid(as_uuid=False), primary_key=True, default=lambda: new_id())]
Time = Annotated[str, mapped_column(MOMENT)]
Created = Annotated[str, mapped_column(MOMENT, default=now, server_default=text("now()"))]
Updated = Annotated[str, mapped_column(MOMENT, default=now, onupdate=now, server_default=text("now()"))]
Json = Annotated[str, mapped_column(JSONB, default="{}", server_default=text("'{}'"))]

TYPES: dict[Any, Any] = {str: Text}
NAMING = {
    "pk": "%(table_name)s_pkey",
    "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
    "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    "ck": "%(table_name)s_%(constraint_name)s_check",
}


def new_id() -> str:
    """A UUIDv7: unique, and sorted by time."""
    return str(uuid7())


def metadata(schema: str) -> MetaData:
    """The collection of one service's tables, with the kit's own five in it.

    JSON columns hold text inside the process: what the client sent is what the client gets.
    """
    tables = MetaData(schema=schema, naming_convention=NAMING)
    Table(
        "outbox",
        tables,
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        Column("event_id", Uuid(as_uuid=False), nullable=False),
        Column("type", Text, nullable=False),
        Column("key", Text, nullable=False),
        Column("headers", JSONB, nullable=False),
        Column("body", LargeBinary, nullable=False),
        Column("created_at", MOMENT, nullable=False),
        Column("published_at", MOMENT),
        Index("outbox_pending_idx", "id", postgresql_where=text("published_at is null")),
        Index("outbox_created_at_idx", "created_at"),
    )
    Table(
        "inbox",
        tables,
        Column("consumer", Text, primary_key=True),
        Column("event_id", Uuid(as_uuid=False), primary_key=True),
        Column("received_at", MOMENT, nullable=False),
        Index("inbox_received_at_idx", "received_at"),
    )
    Table(
        "dead_letters",
        tables,
        Column("id", Uuid(as_uuid=False), primary_key=True),
        Column("consumer", Text, nullable=False),
        Column("event_id", Uuid(as_uuid=False), nullable=False),
        Column("type", Text, nullable=False),
        Column("headers", JSONB, nullable=False),
        Column("body", LargeBinary, nullable=False),
        Column("error", Text, nullable=False),
        Column("attempts", Integer, nullable=False),
        Column("died_at", MOMENT, nullable=False),
        Column("replayed_at", MOMENT),
        Index("dead_letters_consumer_event_id_key", "consumer", "event_id", unique=True),
    )
    Table(
        "leases",
        tables,
        Column("name", Text, primary_key=True),
        Column("holder", Text, nullable=False),
        Column("expires_at", MOMENT, nullable=False),
        Column("ran_at", MOMENT),
    )
    Table(
        "idempotency_keys",
        tables,
        Column("actor", Text, primary_key=True),
        Column("method", Text, primary_key=True),
        Column("key", Text, primary_key=True),
        Column("fingerprint", Text, nullable=False),
        Column("reply", Text),
        Column("claimed_until", MOMENT, nullable=False),
        Column("created_at", MOMENT, nullable=False),
        Index("idempotency_keys_created_at_idx", "created_at"),
    )
    return tables
