"""files"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

MOMENT = postgresql.TIMESTAMP(timezone=True, precision=3)


def upgrade() -> None:
    op.create_table(
        "files",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("bucket", sa.Text(), nullable=False),
        sa.Column("original_name", sa.Text()),
        sa.Column("mime_type", sa.Text()),
        sa.Column("size_bytes", sa.BigInteger()),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("owner_id", sa.Uuid(as_uuid=False)),
        sa.Column("message_id", sa.Uuid(as_uuid=False)),
        sa.Column("checksum", sa.Text()),
        sa.Column("created_at", MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.Column("deleted_at", MOMENT),
        sa.CheckConstraint("status in ('pending', 'stored', 'deleted')", name=op.f("files_status_check")),
        sa.CheckConstraint(
            "purpose in ('general', 'avatar', 'whatsapp', 'campaign')", name=op.f("files_purpose_check")
        ),
        sa.ForeignKeyConstraint(
            ["message_id"], ["messaging.messages.id"], name=op.f("files_message_id_fkey"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("files_pkey")),
        sa.UniqueConstraint("key", name=op.f("files_key_key")),
        schema="messaging",
    )
    unsettled = sa.text("status <> 'stored'")
    op.create_index(
        "files_unsettled_idx", "files", ["created_at"], schema="messaging", postgresql_where=unsettled
    )
    op.create_index(op.f("files_message_id_idx"), "files", ["message_id"], schema="messaging")
    held = sa.text("media_url is not null")
    op.create_index(
        "messages_media_url_idx", "messages", ["media_url"], schema="messaging", postgresql_where=held
    )
