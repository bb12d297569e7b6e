"""traces and restores"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

MOMENT = postgresql.TIMESTAMP(timezone=True, precision=3)


def upgrade() -> None:
    op.add_column("sends", sa.Column("traceparent", sa.Text(), nullable=True), schema="messaging")
    op.create_table(
        "restores",
        sa.Column("restored_at", MOMENT, nullable=False),
        sa.Column("reconciled_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("restored_at"),
        schema="messaging",
    )


def downgrade() -> None:
    op.drop_table("restores", schema="messaging")
    op.drop_column("sends", "traceparent", schema="messaging")
