"""The tables of what people teach the AI agent."""

from sqlalchemy import CheckConstraint, Computed, ForeignKey, Index, Text, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY, TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from services.intelligence.models import Base
from services.kit.tables import Created, Id, Json, Key, Time, Updated


class Feedback(Base):
    """What a person thinks of an answer of the AI agent."""

    __tablename__ = "ai_response_feedback"
    __table_args__ = (
        CheckConstraint("rating between 1 and 5", name="rating"),
        CheckConstraint(
            "feedback_type in ('perfect', 'helpful', 'incomplete', 'tone_wrong', 'incorrect')",
            name="feedback_type",
        ),
        Index(
            "ai_response_feedback_log_id_given_by_key",
            "log_id",
            "given_by",
            unique=True,
            postgresql_where=text("log_id is not null"),
        ),
        Index("ai_response_feedback_to_learn_idx", "created_at", postgresql_where=text("learned_at is null")),
    )
    id: Mapped[Key]
    log_id: Mapped[str | None] = mapped_column(
        Uuid(as_uuid=False), ForeignKey("ai_agent_logs.id", ondelete="set null")
    )
    conversation_id: Mapped[Id] = mapped_column(index=True)
    message_id: Mapped[Id | None]
    rating: Mapped[int | None] = mapped_column(index=True)
    feedback_type: Mapped[str | None]
    comment: Mapped[str | None]
    corrected_response: Mapped[str | None]
    correction_reason: Mapped[str | None]
    given_by: Mapped[Id]
    learned_at: Mapped[Time | None]
    created_at: Mapped[Created]
    updated_at: Mapped[Updated]


class Template(Base):
    __tablename__ = "response_templates"
    __table_args__ = (
        CheckConstraint(
            "category in ('greeting', 'objection', 'closing', 'support', 'sales', 'follow_up')",
            name="category",
        ),
        Index("response_templates_trigger_patterns_idx", "trigger_patterns", postgresql_using="gin"),
        Index("response_templates_order_idx", "is_active", text("priority desc"), text("id desc")),
    )
    id: Mapped[Key]
    sector_id: Mapped[Id | None]
    name: Mapped[str]
    description: Mapped[str | None]
    trigger_patterns: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    template_content: Mapped[str]
    variables: Mapped[Json]
    category: Mapped[str | None]
    intent_match: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    usage_count: Mapped[int] = mapped_column(server_default="0")
    success_rate: Mapped[float | None]
    avg_sentiment_after: Mapped[float | None]
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))
    priority: Mapped[int] = mapped_column(server_default="0")
    created_by: Mapped[Id | None]
    created_at: Mapped[Created]
    updated_at: Mapped[Updated]


class Example(Base):
    """A good answer to learn from. `input_norm` holds the words of both sides without accents."""

    __tablename__ = "learning_examples"
    __table_args__ = (
        CheckConstraint("quality_score between 0 and 1", name="quality_score"),
        CheckConstraint(
            "scenario_type in ('greeting', 'objection_handling', 'closing', 'support', 'pricing',"
            " 'scheduling', 'follow_up', 'manual', 'correction')",
            name="scenario_type",
        ),
        Index(
            "learning_examples_message_id_key",
            "message_id",
            unique=True,
            postgresql_where=text("scenario_type = 'manual'"),
        ),
        Index("learning_examples_search_vector_idx", "search_vector", postgresql_using="gin"),
    )
    id: Mapped[Key]
    sector_id: Mapped[Id | None]
    conversation_id: Mapped[Id | None]
    message_id: Mapped[Id | None]
    input_context: Mapped[str]
    ideal_response: Mapped[str]
    input_norm: Mapped[str]
    scenario_type: Mapped[str]
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    quality_score: Mapped[float]
    lead_converted: Mapped[bool] = mapped_column(server_default=text("false"))
    customer_satisfied: Mapped[bool] = mapped_column(server_default=text("false"))
    marked_as_good_by: Mapped[Id | None]
    marked_at: Mapped[Time | None]
    notes: Mapped[str | None]
    times_referenced: Mapped[int] = mapped_column(server_default="0")
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))
    created_at: Mapped[Created]
    search_vector: Mapped[str] = mapped_column(
        TSVECTOR, Computed("to_tsvector('portuguese'::regconfig, input_norm)", persisted=True)
    )


class WritingSample(Base):
    """The last texts that a person sent, to write like that person."""

    __tablename__ = "writing_samples"
    user_id: Mapped[Id] = mapped_column(primary_key=True)
    message_id: Mapped[Id] = mapped_column(primary_key=True)
    content: Mapped[str]
    sent_at: Mapped[Time]
