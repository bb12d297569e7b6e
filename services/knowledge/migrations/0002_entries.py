"""entries"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "knowledge_base",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("sector_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("category", sa.String(length=100), nullable=False),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("question_norm", sa.Text(), nullable=False),
        sa.Column("answer_norm", sa.Text(), nullable=False),
        sa.Column("keywords_norm", sa.Text(), nullable=False),
        sa.Column("keywords", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("priority", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("use_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("last_used_at", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=True),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("source", sa.Text(), server_default=sa.text("'manual'"), nullable=False),
        sa.Column("confidence_score", sa.Double(), server_default=sa.text("1.0"), nullable=False),
        sa.Column("is_verified", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("verified_by", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
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
        sa.Column(
            "search_vector",
            postgresql.TSVECTOR(),
            sa.Computed(
                "\n    setweight(to_tsvector('portuguese'::regconfig, question_norm), 'A')\n    || setweight(to_tsvector('portuguese'::regconfig, keywords_norm), 'B')\n    || setweight(to_tsvector('portuguese'::regconfig, answer_norm), 'C')\n",
                persisted=True,
            ),
            nullable=False,
        ),
        sa.CheckConstraint(
            "confidence_score between 0 and 1", name=op.f("knowledge_base_confidence_score_check")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("knowledge_base_pkey")),
        schema="knowledge",
    )
    op.create_index(
        "knowledge_base_keywords_idx",
        "knowledge_base",
        ["keywords"],
        unique=False,
        schema="knowledge",
        postgresql_using="gin",
    )
    op.create_index(
        "knowledge_base_order_idx",
        "knowledge_base",
        [
            "is_active",
            sa.literal_column("priority desc"),
            sa.literal_column("use_count desc"),
            sa.literal_column("id desc"),
        ],
        unique=False,
        schema="knowledge",
    )
    op.create_index(
        "knowledge_base_question_key",
        "knowledge_base",
        ["sector_id", "category", "question_norm"],
        unique=True,
        schema="knowledge",
        postgresql_nulls_not_distinct=True,
        postgresql_where=sa.text("is_active"),
    )
    op.create_index(
        "knowledge_base_search_vector_idx",
        "knowledge_base",
        ["search_vector"],
        unique=False,
        schema="knowledge",
        postgresql_using="gin",
    )
    op.create_index(
        "knowledge_base_sector_id_category_idx",
        "knowledge_base",
        ["sector_id", "category"],
        unique=False,
        schema="knowledge",
    )
    op.create_index(
        "knowledge_base_updated_at_idx",
        "knowledge_base",
        ["updated_at", "id"],
        unique=False,
        schema="knowledge",
    )


def downgrade() -> None:
    op.drop_index("knowledge_base_updated_at_idx", table_name="knowledge_base", schema="knowledge")
    op.drop_index("knowledge_base_sector_id_category_idx", table_name="knowledge_base", schema="knowledge")
    op.drop_index(
        "knowledge_base_search_vector_idx",
        table_name="knowledge_base",
        schema="knowledge",
        postgresql_using="gin",
    )
    op.drop_index(
        "knowledge_base_question_key",
        table_name="knowledge_base",
        schema="knowledge",
        postgresql_nulls_not_distinct=True,
        postgresql_where=sa.text("is_active"),
    )
    op.drop_index("knowledge_base_order_idx", table_name="knowledge_base", schema="knowledge")
    op.drop_index(
        "knowledge_base_keywords_idx", table_name="knowledge_base", schema="knowledge", postgresql_using="gin"
    )
    op.drop_table("knowledge_base", schema="knowledge")
