"""The tables of intelligence."""

from sqlalchemy import CheckConstraint, ForeignKey, Index, Numeric, Text, Uuid, text
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
    given_back_at: Mapped[Time | None]  # when the AI got the conversation, last
    escalated_at: Mapped[Time | None]
    escalation_reason: Mapped[str | None]
    escalated_to: Mapped[str | None]
    escalation_priority: Mapped[int] = mapped_column(server_default="0")
    handoff_summary: Mapped[str | None]
    handoff_context: Mapped[Json]
    handoff_requested_at: Mapped[Time | None]
    created_at: Mapped[Created]
    updated_at: Mapped[Updated]


class Sentiment(Base):
    """How the customer of a conversation feels now."""

    __tablename__ = "sentiment_analyses"
    __table_args__ = (
        CheckConstraint("sentiment in ('positive', 'neutral', 'negative')", name="sentiment"),
        CheckConstraint("confidence_score between 0 and 1", name="confidence_score"),
    )
    id: Mapped[Key]
    conversation_id: Mapped[Id] = mapped_column(unique=True)
    contact_id: Mapped[Id] = mapped_column(index=True)
    sentiment: Mapped[str] = mapped_column(server_default="neutral", index=True)
    confidence_score: Mapped[float] = mapped_column(Numeric(3, 2))
    summary: Mapped[str]
    reasoning: Mapped[str]
    messages_analyzed: Mapped[int] = mapped_column(server_default="0")
    customer_message_count: Mapped[int] = mapped_column(server_default="0")  # when it was analysed
    details: Mapped[Json]
    created_at: Mapped[Created]
    updated_at: Mapped[Updated]


class SentimentPoint(Base):
    """One analysis; every one is kept."""

    __tablename__ = "sentiment_history"
    __table_args__ = (
        Index("sentiment_history_conversation_id_created_at_idx", "conversation_id", text("created_at desc")),
        CheckConstraint("sentiment in ('positive', 'neutral', 'negative')", name="sentiment"),
    )
    id: Mapped[Key]
    conversation_id: Mapped[Id]
    contact_id: Mapped[Id] = mapped_column(index=True)
    sentiment: Mapped[str]
    confidence_score: Mapped[float] = mapped_column(Numeric(3, 2))
    summary: Mapped[str]
    messages_analyzed: Mapped[int]
    details: Mapped[Json]
    created_at: Mapped[Created]


class Summary(Base):
    __tablename__ = "conversation_summaries"
    __table_args__ = (
        Index(
            "conversation_summaries_conversation_id_created_at_idx",
            "conversation_id",
            text("created_at desc"),
        ),
    )
    id: Mapped[Key]
    conversation_id: Mapped[Id]
    summary: Mapped[str]
    key_points: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    action_items: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    quotes: Mapped[Json]
    sentiment_at_time: Mapped[str | None]
    messages_count: Mapped[int] = mapped_column(server_default="0")
    period_start: Mapped[Time | None]
    period_end: Mapped[Time | None]
    provider: Mapped[str]
    model: Mapped[str]
    degraded: Mapped[bool] = mapped_column(server_default=text("false"))
    created_by: Mapped[Id | None]
    created_at: Mapped[Created]


class Topics(Base):
    """What a conversation was filed under; every filing is kept."""

    __tablename__ = "topics_history"
    __table_args__ = (
        CheckConstraint("source in ('ai', 'manual')", name="source"),
        Index("topics_history_conversation_id_created_at_idx", "conversation_id", text("created_at desc")),
    )
    id: Mapped[Key]
    conversation_id: Mapped[Id]
    contact_id: Mapped[Id] = mapped_column(index=True)
    topics: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    primary_topic: Mapped[str | None]
    category: Mapped[str]
    subcategory: Mapped[str | None]
    custom_topics: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    ai_confidence: Mapped[float | None] = mapped_column(Numeric(3, 2))
    ai_reasoning: Mapped[str | None]
    categorization_model: Mapped[str | None]
    source: Mapped[str]
    customer_message_count: Mapped[int] = mapped_column(server_default="0")
    created_by: Mapped[Id | None]
    created_at: Mapped[Created]


class Call(Base):
    """One call of a language model: who served it, what it cost, and how it went; never what was said."""

    __tablename__ = "ai_calls"
    id: Mapped[Key]
    capability: Mapped[str]
    conversation_id: Mapped[Id | None]
    provider: Mapped[str]
    model: Mapped[str]
    outcome: Mapped[str]  # ok, or the name of the failure
    prompt_tokens: Mapped[int]
    completion_tokens: Mapped[int]
    cost_usd: Mapped[float | None] = mapped_column(Numeric(12, 6))
    latency_ms: Mapped[int]
    created_at: Mapped[Created] = mapped_column(index=True)


class Limit(Base):
    """A model (or `*`, all of a provider) that is not asked until then; every replica keeps to it."""

    __tablename__ = "ai_limits"
    provider: Mapped[str] = mapped_column(primary_key=True)
    model: Mapped[str] = mapped_column(primary_key=True)
    reason: Mapped[str]  # ModelGone, Throttled, KeyRefused, Down
    blocked_until: Mapped[Time]


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
    template_ids: Mapped[list[str]] = mapped_column(ARRAY(Uuid(as_uuid=False)), server_default="{}")
    example_ids: Mapped[list[str]] = mapped_column(ARRAY(Uuid(as_uuid=False)), server_default="{}")
    is_preview: Mapped[bool] = mapped_column(server_default=text("false"))
    provider: Mapped[str | None]
    model_used: Mapped[str | None]
    degraded: Mapped[bool] = mapped_column(server_default=text("false"))
    tokens_used: Mapped[int | None]
    response_time_ms: Mapped[int | None]
    details: Mapped[Json]
    created_at: Mapped[Created]
