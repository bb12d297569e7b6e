"""The tables of those who attend: assignments, macros, notes and counts."""

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from services.kit.tables import Created, Id, Key, Time, Updated
from services.messaging.models import Base


class Assignment(Base):
    __tablename__ = "conversation_assignments"
    __table_args__ = (Index(None, "conversation_id", "id"),)
    id: Mapped[Key]
    conversation_id: Mapped[Id] = mapped_column(ForeignKey("conversations.id", ondelete="CASCADE"))
    assigned_from: Mapped[Id | None]
    assigned_to: Mapped[Id | None]
    assigned_by: Mapped[Id | None]
    reason: Mapped[str | None]
    created_at: Mapped[Created]


class AssignmentRule(Base):
    __tablename__ = "assignment_rules"
    __table_args__ = (
        CheckConstraint("rule_type in ('fixed', 'round_robin')", name="rule_type"),
        CheckConstraint("rule_type <> 'fixed' or fixed_agent_id is not null", name="fixed"),
        CheckConstraint(
            "rule_type <> 'round_robin' or cardinality(round_robin_agents) > 0", name="round_robin"
        ),
        Index("assignment_rules_active_key", "instance_id", unique=True, postgresql_where=text("is_active")),
    )
    id: Mapped[Key]
    name: Mapped[str]
    instance_id: Mapped[Id] = mapped_column(ForeignKey("instances.id", ondelete="CASCADE"))
    rule_type: Mapped[str]
    fixed_agent_id: Mapped[Id | None]
    round_robin_agents: Mapped[list[str]] = mapped_column(
        ARRAY(Uuid(as_uuid=False)), server_default=text("'{}'")
    )
    round_robin_last_index: Mapped[int] = mapped_column(server_default=text("-1"))
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))
    created_at: Mapped[Created]
    updated_at: Mapped[Updated]


class Macro(Base):
    __tablename__ = "macros"
    __table_args__ = (
        Index(
            "macros_shortcut_key",
            text("coalesce(instance_id, '00000000-0000-0000-0000-000000000000')"),
            "shortcut",
            unique=True,
            postgresql_where=text("is_active"),
        ),
        Index("macros_name_idx", "name", "id", postgresql_where=text("is_active")),
    )
    id: Mapped[Key]
    instance_id: Mapped[Id | None] = mapped_column(ForeignKey("instances.id", ondelete="CASCADE"))
    name: Mapped[str]
    shortcut: Mapped[str]
    content: Mapped[str]
    description: Mapped[str | None]
    category: Mapped[str] = mapped_column(server_default="geral")
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))
    usage_count: Mapped[int] = mapped_column(server_default=text("0"))
    created_at: Mapped[Created]
    updated_at: Mapped[Updated]


class Note(Base):
    __tablename__ = "notes"
    __table_args__ = (
        Index(
            "notes_order_idx",
            "conversation_id",
            text("is_pinned desc"),
            text("created_at desc"),
            text("id desc"),
        ),
    )
    id: Mapped[Key]
    conversation_id: Mapped[Id] = mapped_column(ForeignKey("conversations.id", ondelete="CASCADE"))
    content: Mapped[str]
    is_pinned: Mapped[bool] = mapped_column(server_default=text("false"))
    created_by: Mapped[Id | None]
    created_at: Mapped[Created]
    updated_at: Mapped[Updated]


class Tally(Base):
    """How many conversations there are of each kind: rows add up; a trigger writes, a job condenses."""

    __tablename__ = "tallies"
    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    instance_id: Mapped[Id]
    status: Mapped[str]
    conversation_mode: Mapped[str]
    assigned_to: Mapped[Id | None]
    category: Mapped[str | None]
    is_unread: Mapped[bool]
    is_waiting: Mapped[bool]
    amount: Mapped[int]


class Person(Base):
    """What messaging knows of the people who attend, from identity's events."""

    __tablename__ = "people"
    id: Mapped[Key]
    full_name: Mapped[str]
    avatar_url: Mapped[str | None]
    role: Mapped[str]
    is_active: Mapped[bool]
    is_approved: Mapped[bool]
    updated_at: Mapped[Time] = mapped_column(server_default="-infinity")
