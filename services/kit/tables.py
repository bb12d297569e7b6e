"""What every service's tables share: naming, column types, and the four tables of the kit."""

from typing import Annotated

from sqlalchemy import BigInteger, Identity, Index, LargeBinary, MetaData, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from uuid_utils import uuid7

from services.kit.clock import now

MOMENT = TIMESTAMP(timezone=True, precision=3)  # what JSON shows, so that a cursor is exact

Id = Annotated[str, mapped_column(Uuid(as_uuid=False))]
Key = Annotated[str, mapped_column(Uuid(as_uuid=False), primary_key=True, default=lambda: new_id())]
Time = Annotated[str, mapped_column(MOMENT)]
Created = Annotated[str, mapped_column(MOMENT, default=now, server_default=text("now()"))]
Updated = Annotated[str, mapped_column(MOMENT, default=now, onupdate=now, server_default=text("now()"))]
Json = Annotated[str, mapped_column(JSONB, default="{}", server_default=text("'{}'"))]

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


def schema(name: str) -> type[DeclarativeBase]:
    """The base class of one service's tables, with the kit's own tables beside them.

    JSON columns hold text inside the process: what the client sent is what the client gets.
    """

    class Base(DeclarativeBase):
        metadata = MetaData(schema=name, naming_convention=NAMING)
        type_annotation_map = {str: Text}  # noqa: RUF012

    class Outbox(Base):
        __tablename__ = "outbox"
        __table_args__ = (
            Index("outbox_pending_idx", "id", postgresql_where=text("published_at is null")),
            Index("outbox_created_at_idx", "created_at"),
        )
        id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
        event_id: Mapped[Id]
        type: Mapped[str]
        key: Mapped[str]
        headers: Mapped[Json]
        body: Mapped[bytes] = mapped_column(LargeBinary)
        created_at: Mapped[Created]
        published_at: Mapped[Time | None]

    class Inbox(Base):
        __tablename__ = "inbox"
        __table_args__ = (Index("inbox_received_at_idx", "received_at"),)
        consumer: Mapped[str] = mapped_column(primary_key=True)
        event_id: Mapped[Id] = mapped_column(primary_key=True)
        received_at: Mapped[Created]

    class DeadLetter(Base):
        __tablename__ = "dead_letters"
        __table_args__ = (Index("dead_letters_consumer_event_id_key", "consumer", "event_id", unique=True),)
        id: Mapped[Key]
        consumer: Mapped[str]
        event_id: Mapped[Id]
        type: Mapped[str]
        headers: Mapped[Json]
        body: Mapped[bytes] = mapped_column(LargeBinary)
        error: Mapped[str]
        attempts: Mapped[int]
        died_at: Mapped[Created]
        replayed_at: Mapped[Time | None]

    class Lease(Base):
        __tablename__ = "leases"
        name: Mapped[str] = mapped_column(primary_key=True)
        holder: Mapped[str]
        expires_at: Mapped[Time]
        ran_at: Mapped[Time | None]

    return Base
