"""vectors, uses, gaps and optimisation"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "knowledge_gaps",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("sector_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("question_norm", sa.Text(), nullable=False),
        sa.Column("sample", sa.Text(), nullable=False),
        sa.Column("occurrences", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("embedding", sa.LargeBinary(), nullable=True),
        sa.Column("first_seen_at", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=False),
        sa.Column("last_seen_at", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=False),
        sa.Column("resolved_entry_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("knowledge_gaps_pkey")),
        schema="knowledge",
    )
    op.create_index(
        "knowledge_gaps_last_seen_at_idx",
        "knowledge_gaps",
        ["last_seen_at"],
        unique=False,
        schema="knowledge",
    )
    op.create_index(
        "knowledge_gaps_question_key",
        "knowledge_gaps",
        ["sector_id", "question_norm"],
        unique=True,
        schema="knowledge",
        postgresql_nulls_not_distinct=True,
    )
    op.create_table(
        "knowledge_optimization_log",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("optimization_type", sa.String(length=100), nullable=False),
        sa.Column("items_affected", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "changes", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column("performed_by", sa.String(length=50), server_default="system", nullable=False),
        sa.Column(
            "created_at",
            postgresql.TIMESTAMP(timezone=True, precision=3),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "optimization_type in ('analysis', 'consolidation', 'update', 'new_entry')",
            name=op.f("knowledge_optimization_log_optimization_type_check"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("knowledge_optimization_log_pkey")),
        schema="knowledge",
    )
    op.create_index(
        "knowledge_optimization_log_created_at_idx",
        "knowledge_optimization_log",
        ["created_at"],
        unique=False,
        schema="knowledge",
    )
    op.create_table(
        "knowledge_usage_events",
        sa.Column("entry_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("message_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("conversation_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column(
            "created_at",
            postgresql.TIMESTAMP(timezone=True, precision=3),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("entry_id", "message_id", name=op.f("knowledge_usage_events_pkey")),
        schema="knowledge",
    )
    op.create_index(
        op.f("knowledge_usage_events_created_at_idx"),
        "knowledge_usage_events",
        ["created_at"],
        unique=False,
        schema="knowledge",
    )
    op.add_column(
        "knowledge_base", sa.Column("merged_into", sa.Uuid(as_uuid=False), nullable=True), schema="knowledge"
    )
    op.add_column(
        "knowledge_base",
        sa.Column("raised_at", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=True),
        schema="knowledge",
    )
    op.add_column(
        "knowledge_base", sa.Column("embedding", sa.LargeBinary(), nullable=True), schema="knowledge"
    )


def downgrade() -> None:
    op.drop_column("knowledge_base", "embedding", schema="knowledge")
    op.drop_column("knowledge_base", "raised_at", schema="knowledge")
    op.drop_column("knowledge_base", "merged_into", schema="knowledge")
    op.drop_index(
        op.f("knowledge_usage_events_created_at_idx"), table_name="knowledge_usage_events", schema="knowledge"
    )
    op.drop_table("knowledge_usage_events", schema="knowledge")
    op.drop_index(
        "knowledge_optimization_log_created_at_idx",
        table_name="knowledge_optimization_log",
        schema="knowledge",
    )
    op.drop_table("knowledge_optimization_log", schema="knowledge")
    op.drop_index(
        "knowledge_gaps_question_key",
        table_name="knowledge_gaps",
        schema="knowledge",
        postgresql_nulls_not_distinct=True,
    )
    op.drop_index("knowledge_gaps_last_seen_at_idx", table_name="knowledge_gaps", schema="knowledge")
    op.drop_table("knowledge_gaps", schema="knowledge")
