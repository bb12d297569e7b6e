"""a comment alone is no judgement"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The version that runs meanwhile shows a null as what is absent, and never asks for one.
    op.execute(
        "-- squawk-ignore ban-drop-not-null\n"
        "alter table intelligence.ai_response_feedback alter column feedback_type drop not null"
    )


def downgrade() -> None:
    op.execute(
        "update intelligence.ai_response_feedback set feedback_type = 'helpful' where feedback_type is null"
    )
    op.alter_column("ai_response_feedback", "feedback_type", nullable=False, schema="intelligence")
