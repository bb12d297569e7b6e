"""a comment alone is no judgement"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.alter_column("ai_response_feedback", "feedback_type", nullable=True, schema="intelligence")


def downgrade() -> None:
    op.execute(
        "update intelligence.ai_response_feedback set feedback_type = 'helpful' where feedback_type is null"
    )
    op.alter_column("ai_response_feedback", "feedback_type", nullable=False, schema="intelligence")
