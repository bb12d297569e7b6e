"""tasks"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ai_calls",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("capability", sa.Text(), nullable=False),
        sa.Column("conversation_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("prompt_tokens", sa.Integer(), nullable=False),
        sa.Column("completion_tokens", sa.Integer(), nullable=False),
        sa.Column("cost_usd", sa.Numeric(precision=12, scale=6), nullable=True),
        sa.Column("latency_ms", sa.Integer(), nullable=False),
        sa.Column(
            "created_at",
            postgresql.TIMESTAMP(timezone=True, precision=3),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("ai_calls_pkey")),
        schema="intelligence",
    )
    op.create_index(
        op.f("ai_calls_created_at_idx"), "ai_calls", ["created_at"], unique=False, schema="intelligence"
    )
    op.create_table(
        "ai_limits",
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("blocked_until", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=False),
        sa.PrimaryKeyConstraint("provider", "model", name=op.f("ai_limits_pkey")),
        schema="intelligence",
    )
    op.create_table(
        "conversation_summaries",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("conversation_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("key_points", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("action_items", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column(
            "quotes", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column("sentiment_at_time", sa.Text(), nullable=True),
        sa.Column("messages_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("period_start", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=True),
        sa.Column("period_end", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=True),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("degraded", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column(
            "created_at",
            postgresql.TIMESTAMP(timezone=True, precision=3),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("conversation_summaries_pkey")),
        schema="intelligence",
    )
    op.create_index(
        "conversation_summaries_conversation_id_created_at_idx",
        "conversation_summaries",
        ["conversation_id", sa.literal_column("created_at desc")],
        unique=False,
        schema="intelligence",
    )
    op.create_table(
        "learning_examples",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("sector_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("conversation_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("message_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("input_context", sa.Text(), nullable=False),
        sa.Column("ideal_response", sa.Text(), nullable=False),
        sa.Column("input_norm", sa.Text(), nullable=False),
        sa.Column("scenario_type", sa.Text(), nullable=False),
        sa.Column("tags", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("quality_score", sa.Double(), nullable=False),
        sa.Column("lead_converted", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("customer_satisfied", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("marked_as_good_by", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("marked_at", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=True),
        sa.Column("notes", sa.Text(), nullable=True),
        sa.Column("times_referenced", sa.Integer(), server_default="0", nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column(
            "created_at",
            postgresql.TIMESTAMP(timezone=True, precision=3),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "search_vector",
            postgresql.TSVECTOR(),
            sa.Computed("to_tsvector('portuguese'::regconfig, input_norm)", persisted=True),
            nullable=False,
        ),
        sa.CheckConstraint(
            "scenario_type in ('greeting', 'objection_handling', 'closing', 'support', 'pricing', 'scheduling', 'follow_up', 'manual', 'correction')",
            name=op.f("learning_examples_scenario_type_check"),
        ),
        sa.CheckConstraint(
            "quality_score between 0 and 1", name=op.f("learning_examples_quality_score_check")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("learning_examples_pkey")),
        schema="intelligence",
    )
    op.create_index(
        "learning_examples_message_id_key",
        "learning_examples",
        ["message_id"],
        unique=True,
        schema="intelligence",
        postgresql_where=sa.text("scenario_type = 'manual'"),
    )
    op.create_index(
        "learning_examples_search_vector_idx",
        "learning_examples",
        ["search_vector"],
        unique=False,
        schema="intelligence",
        postgresql_using="gin",
    )
    op.create_table(
        "response_templates",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("sector_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("trigger_patterns", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("template_content", sa.Text(), nullable=False),
        sa.Column(
            "variables",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column("category", sa.Text(), nullable=True),
        sa.Column("intent_match", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("usage_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("success_rate", sa.Double(), nullable=True),
        sa.Column("avg_sentiment_after", sa.Double(), nullable=True),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("priority", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
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
        sa.CheckConstraint(
            "category in ('greeting', 'objection', 'closing', 'support', 'sales', 'follow_up')",
            name=op.f("response_templates_category_check"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("response_templates_pkey")),
        schema="intelligence",
    )
    op.create_index(
        "response_templates_order_idx",
        "response_templates",
        ["is_active", sa.literal_column("priority desc"), sa.literal_column("id desc")],
        unique=False,
        schema="intelligence",
    )
    op.create_index(
        "response_templates_trigger_patterns_idx",
        "response_templates",
        ["trigger_patterns"],
        unique=False,
        schema="intelligence",
        postgresql_using="gin",
    )
    op.create_table(
        "sentiment_analyses",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("conversation_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("contact_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("sentiment", sa.Text(), server_default="neutral", nullable=False),
        sa.Column("confidence_score", sa.Numeric(precision=3, scale=2), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("reasoning", sa.Text(), nullable=False),
        sa.Column("messages_analyzed", sa.Integer(), server_default="0", nullable=False),
        sa.Column("customer_message_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column(
            "details", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
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
        sa.CheckConstraint(
            "sentiment in ('positive', 'neutral', 'negative')",
            name=op.f("sentiment_analyses_sentiment_check"),
        ),
        sa.CheckConstraint(
            "confidence_score between 0 and 1", name=op.f("sentiment_analyses_confidence_score_check")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("sentiment_analyses_pkey")),
        sa.UniqueConstraint("conversation_id", name=op.f("sentiment_analyses_conversation_id_key")),
        schema="intelligence",
    )
    op.create_index(
        op.f("sentiment_analyses_contact_id_idx"),
        "sentiment_analyses",
        ["contact_id"],
        unique=False,
        schema="intelligence",
    )
    op.create_index(
        op.f("sentiment_analyses_sentiment_idx"),
        "sentiment_analyses",
        ["sentiment"],
        unique=False,
        schema="intelligence",
    )
    op.create_table(
        "sentiment_history",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("conversation_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("contact_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("sentiment", sa.Text(), nullable=False),
        sa.Column("confidence_score", sa.Numeric(precision=3, scale=2), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("messages_analyzed", sa.Integer(), nullable=False),
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
            "sentiment in ('positive', 'neutral', 'negative')", name=op.f("sentiment_history_sentiment_check")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("sentiment_history_pkey")),
        schema="intelligence",
    )
    op.create_index(
        op.f("sentiment_history_contact_id_idx"),
        "sentiment_history",
        ["contact_id"],
        unique=False,
        schema="intelligence",
    )
    op.create_index(
        "sentiment_history_conversation_id_created_at_idx",
        "sentiment_history",
        ["conversation_id", sa.literal_column("created_at desc")],
        unique=False,
        schema="intelligence",
    )
    op.create_table(
        "topics_history",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("conversation_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("contact_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("topics", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("primary_topic", sa.Text(), nullable=True),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("subcategory", sa.Text(), nullable=True),
        sa.Column("custom_topics", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("ai_confidence", sa.Numeric(precision=3, scale=2), nullable=True),
        sa.Column("ai_reasoning", sa.Text(), nullable=True),
        sa.Column("categorization_model", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("customer_message_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column(
            "created_at",
            postgresql.TIMESTAMP(timezone=True, precision=3),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint("source in ('ai', 'manual')", name=op.f("topics_history_source_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("topics_history_pkey")),
        schema="intelligence",
    )
    op.create_index(
        op.f("topics_history_contact_id_idx"),
        "topics_history",
        ["contact_id"],
        unique=False,
        schema="intelligence",
    )
    op.create_index(
        "topics_history_conversation_id_created_at_idx",
        "topics_history",
        ["conversation_id", sa.literal_column("created_at desc")],
        unique=False,
        schema="intelligence",
    )
    op.create_table(
        "writing_samples",
        sa.Column("user_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("message_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("sent_at", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "message_id", name=op.f("writing_samples_pkey")),
        schema="intelligence",
    )
    op.create_table(
        "ai_response_feedback",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("log_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("conversation_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("message_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("rating", sa.Integer(), nullable=True),
        sa.Column("feedback_type", sa.Text(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=True),
        sa.Column("corrected_response", sa.Text(), nullable=True),
        sa.Column("correction_reason", sa.Text(), nullable=True),
        sa.Column("given_by", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("learned_at", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=True),
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
        sa.CheckConstraint(
            "feedback_type in ('perfect', 'helpful', 'incomplete', 'tone_wrong', 'incorrect')",
            name=op.f("ai_response_feedback_feedback_type_check"),
        ),
        sa.CheckConstraint("rating between 1 and 5", name=op.f("ai_response_feedback_rating_check")),
        sa.ForeignKeyConstraint(
            ["log_id"],
            ["intelligence.ai_agent_logs.id"],
            name=op.f("ai_response_feedback_log_id_fkey"),
            ondelete="set null",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("ai_response_feedback_pkey")),
        schema="intelligence",
    )
    op.create_index(
        op.f("ai_response_feedback_conversation_id_idx"),
        "ai_response_feedback",
        ["conversation_id"],
        unique=False,
        schema="intelligence",
    )
    op.create_index(
        "ai_response_feedback_log_id_given_by_key",
        "ai_response_feedback",
        ["log_id", "given_by"],
        unique=True,
        schema="intelligence",
        postgresql_where=sa.text("log_id is not null"),
    )
    op.create_index(
        op.f("ai_response_feedback_rating_idx"),
        "ai_response_feedback",
        ["rating"],
        unique=False,
        schema="intelligence",
    )
    op.create_index(
        "ai_response_feedback_to_learn_idx",
        "ai_response_feedback",
        ["created_at"],
        unique=False,
        schema="intelligence",
        postgresql_where=sa.text("learned_at is null"),
    )
    op.add_column(
        "ai_agent_logs",
        sa.Column(
            "template_ids", postgresql.ARRAY(sa.Uuid(as_uuid=False)), server_default="{}", nullable=False
        ),
        schema="intelligence",
    )
    op.add_column(
        "ai_agent_logs",
        sa.Column(
            "example_ids", postgresql.ARRAY(sa.Uuid(as_uuid=False)), server_default="{}", nullable=False
        ),
        schema="intelligence",
    )
    op.add_column(
        "ai_agent_sessions",
        sa.Column("given_back_at", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=True),
        schema="intelligence",
    )


def downgrade() -> None:
    op.drop_column("ai_agent_sessions", "given_back_at", schema="intelligence")
    op.drop_column("ai_agent_logs", "example_ids", schema="intelligence")
    op.drop_column("ai_agent_logs", "template_ids", schema="intelligence")
    op.drop_index(
        "ai_response_feedback_to_learn_idx",
        table_name="ai_response_feedback",
        schema="intelligence",
        postgresql_where=sa.text("learned_at is null"),
    )
    op.drop_index(
        op.f("ai_response_feedback_rating_idx"), table_name="ai_response_feedback", schema="intelligence"
    )
    op.drop_index(
        "ai_response_feedback_log_id_given_by_key",
        table_name="ai_response_feedback",
        schema="intelligence",
        postgresql_where=sa.text("log_id is not null"),
    )
    op.drop_index(
        op.f("ai_response_feedback_conversation_id_idx"),
        table_name="ai_response_feedback",
        schema="intelligence",
    )
    op.drop_table("ai_response_feedback", schema="intelligence")
    op.drop_table("writing_samples", schema="intelligence")
    op.drop_index(
        "topics_history_conversation_id_created_at_idx", table_name="topics_history", schema="intelligence"
    )
    op.drop_index(op.f("topics_history_contact_id_idx"), table_name="topics_history", schema="intelligence")
    op.drop_table("topics_history", schema="intelligence")
    op.drop_index(
        "sentiment_history_conversation_id_created_at_idx",
        table_name="sentiment_history",
        schema="intelligence",
    )
    op.drop_index(
        op.f("sentiment_history_contact_id_idx"), table_name="sentiment_history", schema="intelligence"
    )
    op.drop_table("sentiment_history", schema="intelligence")
    op.drop_index(
        op.f("sentiment_analyses_sentiment_idx"), table_name="sentiment_analyses", schema="intelligence"
    )
    op.drop_index(
        op.f("sentiment_analyses_contact_id_idx"), table_name="sentiment_analyses", schema="intelligence"
    )
    op.drop_table("sentiment_analyses", schema="intelligence")
    op.drop_index(
        "response_templates_trigger_patterns_idx",
        table_name="response_templates",
        schema="intelligence",
        postgresql_using="gin",
    )
    op.drop_index("response_templates_order_idx", table_name="response_templates", schema="intelligence")
    op.drop_table("response_templates", schema="intelligence")
    op.drop_index(
        "learning_examples_search_vector_idx",
        table_name="learning_examples",
        schema="intelligence",
        postgresql_using="gin",
    )
    op.drop_index(
        "learning_examples_message_id_key",
        table_name="learning_examples",
        schema="intelligence",
        postgresql_where=sa.text("scenario_type = 'manual'"),
    )
    op.drop_table("learning_examples", schema="intelligence")
    op.drop_index(
        "conversation_summaries_conversation_id_created_at_idx",
        table_name="conversation_summaries",
        schema="intelligence",
    )
    op.drop_table("conversation_summaries", schema="intelligence")
    op.drop_table("ai_limits", schema="intelligence")
    op.drop_index(op.f("ai_calls_created_at_idx"), table_name="ai_calls", schema="intelligence")
    op.drop_table("ai_calls", schema="intelligence")
