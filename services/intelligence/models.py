"""The tables of intelligence."""

from sqlalchemy import CheckConstraint, ForeignKey, Index, Numeric, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from services.kit import tables
from services.kit.tables import Created, Id, Json, Key, Time, Updated


class Base(DeclarativeBase):
    metadata = tables.metadata("intelligence")
    type_annotation_map = tables.TYPES


class AgentConfig(Base):
    """What was set of the AI agent's behaviour; one row for all, one for a sector that differs."""

    __tablename__ = "ai_agent_configs"
    __table_args__ = (
        Index("ai_agent_configs_sector_id_key", "sector_id", unique=True, postgresql_nulls_not_distinct=True),
    )
    id: Mapped[Key]
    sector_id: Mapped[Id | None]
    settings: Mapped[Json]
    updated_by: Mapped[Id | None]
    created_at: Mapped[Created]
    updated_at: Mapped[Updated]


class AgentSession(Base):
    """Where the AI agent stands in one conversation."""

    __tablename__ = "ai_agent_sessions"
    __table_args__ = (CheckConstraint("mode in ('ai', 'human', 'hybrid')", name="mode"),)
    id: Mapped[Key]
    conversation_id: Mapped[Id] = mapped_column(unique=True)
    mode: Mapped[str] = mapped_column(server_default="ai", index=True)
    auto_reply_count: Mapped[int] = mapped_column(server_default="0")
    last_ai_response_at: Mapped[Time | None]
    last_processed_message_id: Mapped[Id | None]
    last_out_of_hours_at: Mapped[Time | None]
    conversation_summary: Mapped[str | None]
    detected_intent: Mapped[str | None]
    lead_score: Mapped[int | None]
    escalated_at: Mapped[Time | None]
    escalation_reason: Mapped[str | None]
    escalated_to: Mapped[str | None]
    escalation_priority: Mapped[int] = mapped_column(server_default="0")
    handoff_summary: Mapped[str | None]
    handoff_context: Mapped[Json]
    handoff_requested_at: Mapped[Time | None]
    created_at: Mapped[Created]
    updated_at: Mapped[Updated]


class AgentLog(Base):
    """One thing that the AI agent did, or decided not to do."""

    __tablename__ = "ai_agent_logs"
    __table_args__ = (
        CheckConstraint(
            "action in ('response_generated', 'response_sent', 'draft_created', 'escalated', 'skipped',"
            " 'out_of_hours', 'error')",
            name="action",
        ),
        Index(
            "ai_agent_logs_one_answer_key",
            "conversation_id",
            "message_id",
            unique=True,
            postgresql_where=text("action = 'response_sent'"),
        ),
        Index(
            "ai_agent_logs_one_escalation_key",
            "conversation_id",
            "message_id",
            unique=True,
            postgresql_where=text("action = 'escalated'"),
        ),
        Index("ai_agent_logs_conversation_id_created_at_idx", "conversation_id", text("created_at desc")),
        Index("ai_agent_logs_action_created_at_idx", "action", text("created_at desc")),
        Index("ai_agent_logs_reply_message_id_idx", "reply_message_id"),
        Index("ai_agent_logs_created_at_idx", "created_at"),
    )
    id: Mapped[Key]
    conversation_id: Mapped[Id]
    session_id: Mapped[str | None] = mapped_column(
        Uuid(as_uuid=False), ForeignKey("ai_agent_sessions.id", ondelete="set null")
    )
    message_id: Mapped[Id | None]
    reply_message_id: Mapped[Id | None]
    action: Mapped[str]
    input_message: Mapped[str | None]
    ai_response: Mapped[str | None]
    confidence: Mapped[float | None] = mapped_column(Numeric(3, 2))
    intent: Mapped[str | None]
    reason: Mapped[str | None]
    keyword: Mapped[str | None]
    knowledge_ids: Mapped[list[str]] = mapped_column(ARRAY(Uuid(as_uuid=False)), server_default="{}")
    is_preview: Mapped[bool] = mapped_column(server_default=text("false"))
    provider: Mapped[str | None]
    model_used: Mapped[str | None]
    degraded: Mapped[bool] = mapped_column(server_default=text("false"))
    tokens_used: Mapped[int | None]
    response_time_ms: Mapped[int | None]
    details: Mapped[Json]
    created_at: Mapped[Created]
