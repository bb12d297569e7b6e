"""The table of answers to keyed requests, as one migration of every service makes it."""

import sqlalchemy as sa
from alembic import op

from services.kit.migrations.first import MOMENT


def create_idempotency_keys(schema: str) -> None:
    op.create_table(
        "idempotency_keys",
        sa.Column("actor", sa.Text(), primary_key=True),
        sa.Column("method", sa.Text(), primary_key=True),
        sa.Column("key", sa.Text(), primary_key=True),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("reply", sa.Text()),
        sa.Column("claimed_until", MOMENT, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        schema=schema,
    )
    op.create_index("idempotency_keys_created_at_idx", "idempotency_keys", ["created_at"], schema=schema)
