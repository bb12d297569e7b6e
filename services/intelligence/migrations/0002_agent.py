"""agent"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ai_agent_configs",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("sector_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column(
            "settings",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column("updated_by", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column(
            "created_at",
            postgresql.TIMESTAMP(timezone=True, precision=3),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            postgresql.TIMESTAMP(timezone=True, precision=3),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("ai_agent_configs_pkey")),
        schema="intelligence",
    )
    op.create_index(
        "ai_agent_configs_sector_id_key",
        "ai_agent_configs",
        ["sector_id"],
        unique=True,
        schema="intelligence",
        postgresql_nulls_not_distinct=True,
    )
    op.create_table(
        "ai_agent_sessions",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("conversation_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("mode", sa.Text(), server_default="ai", nullable=False),
        sa.Column("auto_reply_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("last_ai_response_at", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=True),
        sa.Column("last_processed_message_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("last_out_of_hours_at", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=True),
        sa.Column("conversation_summary", sa.Text(), nullable=True),
        sa.Column("detected_intent", sa.Text(), nullable=True),
        sa.Column("lead_score", sa.Integer(), nullable=True),
        sa.Column("escalated_at", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=True),
        sa.Column("escalation_reason", sa.Text(), nullable=True),
        sa.Column("escalated_to", sa.Text(), nullable=True),
        sa.Column("escalation_priority", sa.Integer(), server_default="0", nullable=False),
        sa.Column("handoff_summary", sa.Text(), nullable=True),
        sa.Column(
            "handoff_context",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column("handoff_requested_at", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=True),
        sa.Column(
            "created_at",
            postgresql.TIMESTAMP(timezone=True, precision=3),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            postgresql.TIMESTAMP(timezone=True, precision=3),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint("mode in ('ai', 'human', 'hybrid')", name=op.f("ai_agent_sessions_mode_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("ai_agent_sessions_pkey")),
        sa.UniqueConstraint("conversation_id", name=op.f("ai_agent_sessions_conversation_id_key")),
        schema="intelligence",
    )
    op.create_index(
        op.f("ai_agent_sessions_mode_idx"), "ai_agent_sessions", ["mode"], unique=False, schema="intelligence"
    )
    op.create_table(
        "ai_agent_logs",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("conversation_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("session_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("message_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("reply_message_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("input_message", sa.Text(), nullable=True),
        sa.Column("ai_response", sa.Text(), nullable=True),
        sa.Column("confidence", sa.Numeric(precision=3, scale=2), nullable=True),
        sa.Column("intent", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("keyword", sa.Text(), nullable=True),
        sa.Column(
            "knowledge_ids", postgresql.ARRAY(sa.Uuid(as_uuid=False)), server_default="{}", nullable=False
        ),
        sa.Column("is_preview", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("provider", sa.Text(), nullable=True),
        sa.Column("model_used", sa.Text(), nullable=True),
        sa.Column("degraded", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("tokens_used", sa.Integer(), nullable=True),
        sa.Column("response_time_ms", sa.Integer(), nullable=True),
        sa.Column(
            "details", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column(
            "created_at",
            postgresql.TIMESTAMP(timezone=True, precision=3),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "action in ('response_generated', 'response_sent', 'draft_created', 'escalated', 'skipped', 'out_of_hours', 'error')",
            name=op.f("ai_agent_logs_action_check"),
        ),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["intelligence.ai_agent_sessions.id"],
            name=op.f("ai_agent_logs_session_id_fkey"),
            ondelete="set null",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("ai_agent_logs_pkey")),
        schema="intelligence",
    )
    op.create_index(
        "ai_agent_logs_action_created_at_idx",
        "ai_agent_logs",
        ["action", sa.literal_column("created_at desc")],
        unique=False,
        schema="intelligence",
    )
    op.create_index(
        "ai_agent_logs_conversation_id_created_at_idx",
        "ai_agent_logs",
        ["conversation_id", sa.literal_column("created_at desc")],
        unique=False,
        schema="intelligence",
    )
    op.create_index(
        "ai_agent_logs_created_at_idx", "ai_agent_logs", ["created_at"], unique=False, schema="intelligence"
    )
    op.create_index(
        "ai_agent_logs_one_answer_key",
        "ai_agent_logs",
        ["conversation_id", "message_id"],
        unique=True,
        schema="intelligence",
        postgresql_where=sa.text("action = 'response_sent'"),
    )
    op.create_index(
        "ai_agent_logs_one_escalation_key",
        "ai_agent_logs",
        ["conversation_id", "message_id"],
        unique=True,
        schema="intelligence",
        postgresql_where=sa.text("action = 'escalated'"),
    )
    op.create_index(
        "ai_agent_logs_reply_message_id_idx",
        "ai_agent_logs",
        ["reply_message_id"],
        unique=False,
        schema="intelligence",
    )


def downgrade() -> None:
    op.drop_index("ai_agent_logs_reply_message_id_idx", table_name="ai_agent_logs", schema="intelligence")
    op.drop_index(
        "ai_agent_logs_one_escalation_key",
        table_name="ai_agent_logs",
        schema="intelligence",
        postgresql_where=sa.text("action = 'escalated'"),
    )
    op.drop_index(
        "ai_agent_logs_one_answer_key",
        table_name="ai_agent_logs",
        schema="intelligence",
        postgresql_where=sa.text("action = 'response_sent'"),
    )
    op.drop_index("ai_agent_logs_created_at_idx", table_name="ai_agent_logs", schema="intelligence")
    op.drop_index(
        "ai_agent_logs_conversation_id_created_at_idx", table_name="ai_agent_logs", schema="intelligence"
    )
    op.drop_index("ai_agent_logs_action_created_at_idx", table_name="ai_agent_logs", schema="intelligence")
    op.drop_table("ai_agent_logs", schema="intelligence")
    op.drop_index(op.f("ai_agent_sessions_mode_idx"), table_name="ai_agent_sessions", schema="intelligence")
    op.drop_table("ai_agent_sessions", schema="intelligence")
    op.drop_index(
        "ai_agent_configs_sector_id_key",
        table_name="ai_agent_configs",
        schema="intelligence",
        postgresql_nulls_not_distinct=True,
    )
    op.drop_table("ai_agent_configs", schema="intelligence")
