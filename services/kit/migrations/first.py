"""The kit's own tables, as every service's first migration makes them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

MOMENT = postgresql.TIMESTAMP(timezone=True, precision=3)


def create_kit_tables(schema: str) -> None:
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), primary_key=True),
        sa.Column("event_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("headers", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.Column("published_at", MOMENT),
        schema=schema,
    )
    pending = sa.text("published_at is null")
    op.create_index("outbox_pending_idx", "outbox", ["id"], schema=schema, postgresql_where=pending)
    op.create_index("outbox_created_at_idx", "outbox", ["created_at"], schema=schema)
    op.create_table(
        "inbox",
        sa.Column("consumer", sa.Text(), primary_key=True),
        sa.Column("event_id", sa.Uuid(as_uuid=False), primary_key=True),
        sa.Column("received_at", MOMENT, server_default=sa.text("now()"), nullable=False),
        schema=schema,
    )
    op.create_index("inbox_received_at_idx", "inbox", ["received_at"], schema=schema)
    op.create_table(
        "dead_letters",
        sa.Column("id", sa.Uuid(as_uuid=False), primary_key=True),
        sa.Column("consumer", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("headers", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("died_at", MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.Column("replayed_at", MOMENT),
        schema=schema,
    )
    op.create_index(
        "dead_letters_consumer_event_id_key",
        "dead_letters",
        ["consumer", "event_id"],
        unique=True,
        schema=schema,
    )
    op.create_table(
        "leases",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("ran_at", MOMENT),
        schema=schema,
    )
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
