"""The tables of knowledge."""

from sqlalchemy import CheckConstraint, Computed, Index, LargeBinary, String, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, TSVECTOR
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from services.kit import tables
from services.kit.tables import Created, Id, Json, Key, Time, Updated


class Base(DeclarativeBase):
    metadata = tables.metadata("knowledge")
    type_annotation_map = tables.TYPES


VECTOR = """
    setweight(to_tsvector('portuguese'::regconfig, question_norm), 'A')
    || setweight(to_tsvector('portuguese'::regconfig, keywords_norm), 'B')
    || setweight(to_tsvector('portuguese'::regconfig, answer_norm), 'C')
"""


class Entry(Base):
    """A question and its answer. The `_norm` columns hold the same words without accents or punctuation."""

    __tablename__ = "knowledge_base"
    __table_args__ = (
        CheckConstraint("confidence_score between 0 and 1", name="confidence_score"),
        Index(
            "knowledge_base_question_key",
            "sector_id",
            "category",
            "question_norm",
            unique=True,
            postgresql_nulls_not_distinct=True,
            postgresql_where=text("is_active"),
        ),
        Index("knowledge_base_search_vector_idx", "search_vector", postgresql_using="gin"),
        Index("knowledge_base_keywords_idx", "keywords", postgresql_using="gin"),
        Index(
            "knowledge_base_order_idx",
            "is_active",
            text("priority desc"),
            text("use_count desc"),
            text("id desc"),
        ),
        Index("knowledge_base_sector_id_category_idx", "sector_id", "category"),
        Index("knowledge_base_updated_at_idx", "updated_at", "id"),
    )

    id: Mapped[Key]
    sector_id: Mapped[Id | None]
    category: Mapped[str] = mapped_column(String(100))
    question: Mapped[str]
    answer: Mapped[str]
    question_norm: Mapped[str]
    answer_norm: Mapped[str]
    keywords_norm: Mapped[str]
    keywords: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    priority: Mapped[int] = mapped_column(server_default=text("0"))
    use_count: Mapped[int] = mapped_column(server_default=text("0"))
    last_used_at: Mapped[Time | None]
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))
    source: Mapped[str] = mapped_column(server_default=text("'manual'"))
    confidence_score: Mapped[float] = mapped_column(server_default=text("1.0"))
    is_verified: Mapped[bool] = mapped_column(server_default=text("false"))
    verified_by: Mapped[Id | None]
    version: Mapped[int] = mapped_column(server_default=text("1"))
    merged_into: Mapped[Id | None]
    raised_at: Mapped[Time | None]  # when much use last raised its confidence
    embedding: Mapped[bytes | None] = mapped_column(LargeBinary)  # 384 little-endian floats
    created_by: Mapped[Id | None]
    created_at: Mapped[Created]
    updated_at: Mapped[Updated]
    search_vector: Mapped[str] = mapped_column(TSVECTOR, Computed(VECTOR, persisted=True))


class Use(Base):
    """An entry was used for an answer: counted once for each message."""

    __tablename__ = "knowledge_usage_events"
    entry_id: Mapped[Id] = mapped_column(primary_key=True)
    message_id: Mapped[Id] = mapped_column(primary_key=True)
    conversation_id: Mapped[Id | None]
    created_at: Mapped[Created] = mapped_column(index=True)


class Gap(Base):
    """A question that no entry answers, and how often it was asked."""

    __tablename__ = "knowledge_gaps"
    __table_args__ = (
        Index(
            "knowledge_gaps_question_key",
            "sector_id",
            "question_norm",
            unique=True,
            postgresql_nulls_not_distinct=True,
        ),
        Index("knowledge_gaps_last_seen_at_idx", "last_seen_at"),
    )
    id: Mapped[Key]
    sector_id: Mapped[Id | None]
    question_norm: Mapped[str]
    sample: Mapped[str]
    occurrences: Mapped[int] = mapped_column(server_default=text("1"))
    embedding: Mapped[bytes | None] = mapped_column(LargeBinary)
    first_seen_at: Mapped[Time]
    last_seen_at: Mapped[Time]
    resolved_entry_id: Mapped[Id | None]


class OptimizationLog(Base):
    """What an optimisation found or changed."""

    __tablename__ = "knowledge_optimization_log"
    __table_args__ = (
        CheckConstraint(
            "optimization_type in ('analysis', 'consolidation', 'update', 'new_entry')",
            name="optimization_type",
        ),
        Index("knowledge_optimization_log_created_at_idx", "created_at"),
    )
    id: Mapped[Key]
    optimization_type: Mapped[str] = mapped_column(String(100))
    items_affected: Mapped[int] = mapped_column(server_default=text("0"))
    changes: Mapped[Json]
    performed_by: Mapped[str] = mapped_column(String(50), server_default="system")
    created_at: Mapped[Created]
