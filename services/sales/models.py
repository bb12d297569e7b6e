"""The tables of sales."""

from sqlalchemy import (
    CheckConstraint,
    Computed,
    Date,
    ForeignKey,
    Index,
    Integer,
    Numeric,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSVECTOR
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from services.kit import tables
from services.kit.tables import Created, Id, Json, Key, Time, Updated

STATUSES = ("new", "contacted", "qualified", "proposal", "negotiation", "won", "lost")
SOURCES = ("whatsapp", "website", "referral", "ads", "organic", "other")
CLOSED = ("won", "lost")

IS_OPEN = text("status not in ('won', 'lost')")


def one_of(column: str, values: tuple[str, ...]) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} in ({listed})", name=column)


class Base(DeclarativeBase):
    metadata = tables.metadata("sales")
    type_annotation_map = tables.TYPES


class Lead(Base):
    __tablename__ = "leads"
    __table_args__ = (
        one_of("status", STATUSES),
        one_of("source", SOURCES),
        CheckConstraint("value >= 0", name="value"),
        CheckConstraint("probability between 0 and 100", name="probability"),
        CheckConstraint("lead_score between 0 and 100", name="lead_score"),
        Index(
            "leads_one_open_per_conversation_key", "conversation_id", unique=True, postgresql_where=IS_OPEN
        ),
        Index("leads_conversation_id_idx", "conversation_id"),
        Index("leads_contact_id_idx", "contact_id"),
        Index("leads_assigned_to_created_at_idx", "assigned_to", "created_at", "id"),
        Index("leads_status_created_at_idx", "status", "created_at", "id"),
        Index("leads_created_at_idx", "created_at", "id"),
        Index("leads_updated_at_idx", "updated_at", "id"),
        Index("leads_value_idx", "value", "id"),
        Index("leads_lead_score_idx", "lead_score", "id"),
        Index("leads_name_key_idx", "name_key", "id"),
        Index("leads_closing_idx", text("coalesce(expected_close_date, 'infinity')"), "id"),
        Index("leads_tags_idx", "tags", postgresql_using="gin"),
        Index("leads_words_idx", "words", postgresql_using="gin"),
    )
    id: Mapped[Key]
    contact_id: Mapped[Id | None]
    conversation_id: Mapped[Id | None]
    sector_id: Mapped[Id | None]
    name: Mapped[str]
    name_key: Mapped[str] = mapped_column(Text(collation="C"))  # what sorting by name compares
    phone: Mapped[str | None]
    email: Mapped[str | None]
    company: Mapped[str | None]
    words: Mapped[str] = mapped_column(TSVECTOR)  # what search looks into
    status: Mapped[str] = mapped_column(server_default="new")
    source: Mapped[str] = mapped_column(server_default="whatsapp")
    value: Mapped[float] = mapped_column(Numeric(12, 2), server_default="0")
    probability: Mapped[int] = mapped_column(server_default="0")
    expected_close_date: Mapped[str | None] = mapped_column(Date)
    assigned_to: Mapped[Id | None]
    owner_inactive: Mapped[bool] = mapped_column(server_default=text("false"))
    created_by: Mapped[Id | None]
    notes: Mapped[str | None]
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    metadata_: Mapped[Json] = mapped_column("metadata")
    pipeline_insight: Mapped[Json]
    lead_score: Mapped[int] = mapped_column(server_default="0")
    bant_budget: Mapped[Json]
    bant_authority: Mapped[Json]
    bant_need: Mapped[Json]
    bant_timeline: Mapped[Json]
    qualification_data: Mapped[Json]
    qualified_at: Mapped[Time | None]
    qualified_by: Mapped[str | None]
    last_qualification_at: Mapped[Time | None]
    closed_at: Mapped[Time | None]
    version: Mapped[int] = mapped_column(server_default="1")
    created_at: Mapped[Created]
    updated_at: Mapped[Updated]


class LeadTotal(Base):
    """What leads are worth together. A trigger on leads keeps it, so that a list need not read them all."""

    __tablename__ = "lead_totals"
    __table_args__ = (
        UniqueConstraint(
            "assigned_to",
            "status",
            "source",
            "sector_id",
            postgresql_nulls_not_distinct=True,
            name="lead_totals_key",
        ),
    )
    id: Mapped[Key] = mapped_column(server_default=text("gen_random_uuid()"))
    assigned_to: Mapped[Id | None]
    status: Mapped[str]
    source: Mapped[str]
    sector_id: Mapped[Id | None]
    leads: Mapped[int]
    value: Mapped[float] = mapped_column(Numeric(20, 2))
    weighted: Mapped[float] = mapped_column(Numeric(22, 4))


class LeadActivity(Base):
    __tablename__ = "lead_activities"
    __table_args__ = (
        Index("lead_activities_lead_id_created_at_idx", "lead_id", "created_at", "id"),
        Index(
            "lead_activities_scheduled_for_idx",
            "scheduled_for",
            postgresql_where=text("completed_at is null"),
        ),
    )
    id: Mapped[Key]
    lead_id: Mapped[Id] = mapped_column(ForeignKey(Lead.id, ondelete="cascade"))
    user_id: Mapped[Id | None]
    activity_type: Mapped[str]
    description: Mapped[str]
    outcome: Mapped[str | None]
    scheduled_for: Mapped[Time | None]
    completed_at: Mapped[Time | None]
    old_value: Mapped[str | None]
    new_value: Mapped[str | None]
    metadata_: Mapped[Json] = mapped_column("metadata")
    created_at: Mapped[Created]


class StatusHistory(Base):
    __tablename__ = "lead_status_history"
    __table_args__ = (Index("lead_status_history_lead_id_created_at_idx", "lead_id", "created_at", "id"),)
    id: Mapped[Key]
    lead_id: Mapped[Id] = mapped_column(ForeignKey(Lead.id, ondelete="cascade"))
    old_status: Mapped[str | None]
    new_status: Mapped[str]
    changed_by: Mapped[Id | None]
    reason: Mapped[str | None]
    created_at: Mapped[Created]


class SalesTarget(Base):
    __tablename__ = "sales_targets"
    __table_args__ = (
        CheckConstraint("period_end >= period_start", name="period"),
        Index("sales_targets_user_id_idx", "user_id"),
    )
    id: Mapped[Key]
    user_id: Mapped[Id]
    period_start: Mapped[str] = mapped_column(Date)
    period_end: Mapped[str] = mapped_column(Date)
    target_value: Mapped[float] = mapped_column(Numeric(12, 2))
    target_leads: Mapped[int | None]
    created_at: Mapped[Created]
    updated_at: Mapped[Updated]


class Criteria(Base):
    """What counts as qualified: one row for each sector that differs, and one for everyone (no sector)."""

    __tablename__ = "lead_qualification_criteria"
    __table_args__ = (
        UniqueConstraint("sector_id", postgresql_nulls_not_distinct=True),
        CheckConstraint(
            "budget_weight + authority_weight + need_weight + timeline_weight = 100", name="weights"
        ),
        CheckConstraint(
            "least(budget_weight, authority_weight, need_weight, timeline_weight) >= 0",
            name="no_negative_weight",
        ),
        CheckConstraint("auto_qualify_threshold between 0 and 100", name="auto_qualify_threshold"),
        CheckConstraint("auto_create_lead_threshold between 0 and 100", name="auto_create_lead_threshold"),
        CheckConstraint("messages_before_qualification > 0", name="messages_before_qualification"),
    )
    id: Mapped[Key]
    sector_id: Mapped[Id | None]
    budget_keywords: Mapped[list[str]] = mapped_column(ARRAY(Text))
    authority_keywords: Mapped[list[str]] = mapped_column(ARRAY(Text))
    need_keywords: Mapped[list[str]] = mapped_column(ARRAY(Text))
    timeline_keywords: Mapped[list[str]] = mapped_column(ARRAY(Text))
    budget_weight: Mapped[int] = mapped_column(server_default="25")
    authority_weight: Mapped[int] = mapped_column(server_default="25")
    need_weight: Mapped[int] = mapped_column(server_default="30")
    timeline_weight: Mapped[int] = mapped_column(server_default="20")
    auto_qualify_threshold: Mapped[int] = mapped_column(server_default="70")
    auto_create_lead_threshold: Mapped[int] = mapped_column(server_default="30")
    auto_create_leads: Mapped[bool] = mapped_column(server_default=text("true"))
    qualification_enabled: Mapped[bool] = mapped_column(server_default=text("true"))
    messages_before_qualification: Mapped[int] = mapped_column(server_default="5")
    created_at: Mapped[Created]
    updated_at: Mapped[Updated]


class QualificationLog(Base):
    __tablename__ = "lead_qualification_logs"
    __table_args__ = (
        Index("lead_qualification_logs_lead_id_created_at_idx", "lead_id", "created_at", "id"),
        Index("lead_qualification_logs_conversation_id_idx", "conversation_id"),
        Index("lead_qualification_logs_trigger_message_id_key", "trigger_message_id", unique=True),
    )
    id: Mapped[Key]
    lead_id: Mapped[Id | None] = mapped_column(ForeignKey(Lead.id, ondelete="cascade"))
    conversation_id: Mapped[Id | None]
    trigger_message_id: Mapped[Id | None]  # a message makes a conversation due once
    previous_score: Mapped[int | None]
    new_score: Mapped[int]
    score_change: Mapped[int] = mapped_column(
        Integer, Computed("new_score - coalesce(previous_score, 0)", persisted=True)
    )
    bant_analysis: Mapped[str] = mapped_column(JSONB)
    ai_reasoning: Mapped[str | None]
    model_used: Mapped[str | None]
    tokens_used: Mapped[int | None]
    trigger_source: Mapped[str]
    created_at: Mapped[Created]


class QualificationState(Base):
    __tablename__ = "conversation_qualification_state"
    conversation_id: Mapped[Id] = mapped_column(primary_key=True)
    contact_id: Mapped[Id | None]
    sector_id: Mapped[Id | None]  # known once the conversation was looked at
    messages_since_qualification: Mapped[int] = mapped_column(server_default="0")
    last_qualification_at: Mapped[Time | None]
    last_score: Mapped[int | None]
