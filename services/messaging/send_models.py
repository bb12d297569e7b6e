"""The tables of what is sent, and of what holds it back."""

from sqlalchemy import CheckConstraint, ForeignKey, Index, SmallInteger, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from services.kit import context
from services.kit.tables import Created, Id, Key, Time
from services.messaging.models import Base


class Send(Base):
    """What this system sends: claimed before the call, never sent again by guesswork.

    A campaign's message waits here as a draft, and becomes a message when it is its turn.
    """

    __tablename__ = "sends"
    __table_args__ = (
        CheckConstraint(
            "state in ('queued', 'dispatching', 'sent', 'failed', 'unknown', 'cancelled', 'dropped')",
            name="state",
        ),
        CheckConstraint("message_id is not null or draft is not null", name="content"),
        Index("sends_key_key", "key", unique=True, postgresql_where=text("key is not null")),
        Index(
            "sends_queue_idx",
            "instance_id",
            "priority",
            "due_at",
            "id",
            postgresql_where=text("state = 'queued'"),
        ),
        Index(
            "sends_contact_idx",
            "contact_id",
            "queued_at",
            postgresql_where=text("state in ('queued', 'dispatching')"),
        ),
        Index(
            "sends_unsettled_idx",
            "state",
            "claimed_at",
            postgresql_where=text("state in ('dispatching', 'unknown')"),
        ),
    )
    id: Mapped[Key]
    message_id: Mapped[Id | None] = mapped_column(ForeignKey("messages.id", ondelete="CASCADE"), unique=True)
    contact_id: Mapped[Id]
    instance_id: Mapped[Id] = mapped_column(ForeignKey("instances.id", ondelete="CASCADE"))
    key: Mapped[str | None]
    priority: Mapped[int] = mapped_column(SmallInteger)
    state: Mapped[str] = mapped_column(server_default="queued")
    draft: Mapped[str | None] = mapped_column(JSONB)
    correlation_id: Mapped[str | None]
    error: Mapped[str | None]
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    checks: Mapped[int] = mapped_column(server_default=text("0"))
    traceparent: Mapped[str | None] = mapped_column(default=lambda: context.current().traceparent)
    queued_at: Mapped[Created]
    due_at: Mapped[Created]
    not_after: Mapped[Time | None]
    claimed_at: Mapped[Time | None]
    finished_at: Mapped[Time | None]


class Restore(Base):
    """The database was brought back from a backup: nothing leaves until `convo reconcile` has run."""

    __tablename__ = "restores"
    restored_at: Mapped[Time] = mapped_column(primary_key=True)
    reconciled_at: Mapped[Time | None]


class RefusedKey(Base):
    """A key that was taken back before it came."""

    __tablename__ = "refused_keys"
    key: Mapped[str] = mapped_column(primary_key=True)
    refused_at: Mapped[Created]


class Gate(Base):
    """Through which everything that an instance sends has to pass; locking it makes sending one by one."""

    __tablename__ = "gates"
    instance_id: Mapped[Id] = mapped_column(ForeignKey("instances.id", ondelete="CASCADE"), primary_key=True)
    bulk_opens_at: Mapped[Created]
    paused_until: Mapped[Created]
