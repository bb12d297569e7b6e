"""profiles and health"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

MOMENT = postgresql.TIMESTAMP(timezone=True, precision=3)
NAMELESS = "not is_group and deleted_at is null and (name !~ '[[:alpha:]]' or name like '%@%')"
UNCHECKED = "checked_at is null and deleted_at is null"


def upgrade() -> None:
    op.add_column(
        "people",
        sa.Column("updated_at", MOMENT, server_default="-infinity", nullable=False),
        schema="messaging",
    )
    op.add_column("instances", sa.Column("last_sent_at", MOMENT, nullable=True), schema="messaging")
    op.create_index(
        "contacts_nameless_idx",
        "contacts",
        ["instance_id", "checked_at"],
        unique=False,
        schema="messaging",
        postgresql_where=sa.text(NAMELESS),
    )
    op.create_index(
        "contacts_unchecked_idx",
        "contacts",
        ["instance_id", "id"],
        unique=False,
        schema="messaging",
        postgresql_where=sa.text(UNCHECKED),
    )
