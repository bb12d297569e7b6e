"""instances contacts conversations messages"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "instances",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("instance_name", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default="disconnected", nullable=False),
        sa.Column("qr_code", sa.Text(), nullable=True),
        sa.Column(
            "metadata",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column("provider_type", sa.Text(), server_default="self_hosted", nullable=False),
        sa.Column("instance_id_external", sa.Text(), nullable=True),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("last_inbound_at", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=True),
        sa.Column("last_ack_at", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=True),
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
            "provider_type in ('self_hosted', 'cloud', 'evolution_bot')",
            name=op.f("instances_provider_type_check"),
        ),
        sa.CheckConstraint(
            "status in ('connected', 'connecting', 'disconnected')", name=op.f("instances_status_check")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("instances_pkey")),
        sa.UniqueConstraint("instance_name", name=op.f("instances_instance_name_key")),
        schema="messaging",
    )
    op.create_index(
        "instances_instance_id_external_key",
        "instances",
        ["instance_id_external"],
        unique=True,
        schema="messaging",
        postgresql_where=sa.text("instance_id_external is not null"),
    )
    op.create_table(
        "people",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("full_name", sa.Text(), nullable=False),
        sa.Column("avatar_url", sa.Text(), nullable=True),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("is_approved", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("people_pkey")),
        schema="messaging",
    )
    op.create_table(
        "quarantine",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("instance_name", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column(
            "received_at",
            postgresql.TIMESTAMP(timezone=True, precision=3),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("quarantine_pkey")),
        schema="messaging",
    )
    op.create_index(
        "quarantine_instance_name_idx", "quarantine", ["instance_name"], unique=False, schema="messaging"
    )
    op.create_table(
        "contacts",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("instance_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("phone_number", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("remote_jid", sa.Text(), nullable=False),
        sa.Column("lid", sa.Text(), nullable=True),
        sa.Column("profile_picture_url", sa.Text(), nullable=True),
        sa.Column("is_group", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("notes", sa.Text(), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column(
            "metadata",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column("opt_in", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("opt_in_updated_at", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=True),
        sa.Column("source", sa.Text(), server_default="whatsapp", nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("deleted_at", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=True),
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
        sa.ForeignKeyConstraint(
            ["instance_id"],
            ["messaging.instances.id"],
            name=op.f("contacts_instance_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("contacts_pkey")),
        sa.UniqueConstraint(
            "instance_id", "phone_number", name=op.f("contacts_instance_id_phone_number_key")
        ),
        schema="messaging",
    )
    op.create_index(
        "contacts_instance_id_lid_key",
        "contacts",
        ["instance_id", "lid"],
        unique=True,
        schema="messaging",
        postgresql_where=sa.text("lid is not null"),
    )
    op.create_table(
        "instance_secrets",
        sa.Column("instance_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("api_url", sa.Text(), nullable=False),
        sa.Column("api_key", sa.Text(), nullable=False),
        sa.Column("webhook_secret_hash", sa.Text(), nullable=True),
        sa.Column("previous_webhook_secret_hash", sa.Text(), nullable=True),
        sa.Column(
            "previous_webhook_secret_until", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=True
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
        sa.ForeignKeyConstraint(
            ["instance_id"],
            ["messaging.instances.id"],
            name=op.f("instance_secrets_instance_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("instance_id", name=op.f("instance_secrets_pkey")),
        schema="messaging",
    )
    op.create_table(
        "conversations",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("instance_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("contact_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("status", sa.Text(), server_default="active", nullable=False),
        sa.Column("conversation_mode", sa.Text(), server_default="human", nullable=False),
        sa.Column("assigned_to", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("category", sa.Text(), nullable=True),
        sa.Column("subcategory", sa.Text(), nullable=True),
        sa.Column("current_sentiment", sa.Text(), nullable=True),
        sa.Column("sector_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("unread_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("customer_message_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("last_message_at", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=True),
        sa.Column("last_message_preview", sa.Text(), nullable=True),
        sa.Column("is_last_message_from_me", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column(
            "metadata",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
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
            "conversation_mode in ('ai', 'human', 'hybrid')",
            name=op.f("conversations_conversation_mode_check"),
        ),
        sa.CheckConstraint(
            "status in ('active', 'closed', 'archived')", name=op.f("conversations_status_check")
        ),
        sa.CheckConstraint("unread_count >= 0", name=op.f("conversations_unread_count_check")),
        sa.ForeignKeyConstraint(
            ["contact_id"],
            ["messaging.contacts.id"],
            name=op.f("conversations_contact_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["instance_id"],
            ["messaging.instances.id"],
            name=op.f("conversations_instance_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("conversations_pkey")),
        sa.UniqueConstraint(
            "instance_id", "contact_id", name=op.f("conversations_instance_id_contact_id_key")
        ),
        schema="messaging",
    )
    op.create_index(
        "conversations_assigned_to_idx",
        "conversations",
        ["assigned_to", sa.literal_column("last_message_at desc nulls last"), sa.literal_column("id desc")],
        unique=False,
        schema="messaging",
    )
    op.create_index(
        "conversations_contact_id_idx", "conversations", ["contact_id"], unique=False, schema="messaging"
    )
    op.create_index(
        "conversations_recent_idx",
        "conversations",
        [sa.literal_column("last_message_at desc nulls last"), sa.literal_column("id desc")],
        unique=False,
        schema="messaging",
    )
    op.create_table(
        "messages",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("conversation_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("instance_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("remote_jid", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("message_type", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("is_from_me", sa.Boolean(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("timestamp", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=False),
        sa.Column("quoted_message_id", sa.Text(), nullable=True),
        sa.Column("media_url", sa.Text(), nullable=True),
        sa.Column("media_mimetype", sa.Text(), nullable=True),
        sa.Column("media_status", sa.Text(), server_default="none", nullable=False),
        sa.Column("media_filename", sa.Text(), nullable=True),
        sa.Column("sender_name", sa.Text(), nullable=True),
        sa.Column("sent_by", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("from_bot", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("is_internal", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("is_supervisor_message", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("original_content", sa.Text(), nullable=True),
        sa.Column("edited_at", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=True),
        sa.Column("deleted_at", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=True),
        sa.Column("audio_transcription", sa.Text(), nullable=True),
        sa.Column("transcription_status", sa.Text(), nullable=True),
        sa.Column(
            "metadata",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column(
            "created_at",
            postgresql.TIMESTAMP(timezone=True, precision=3),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "status in ('sending', 'sent', 'delivered', 'read', 'failed', 'unknown', 'received')",
            name=op.f("messages_status_check"),
        ),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["messaging.conversations.id"],
            name=op.f("messages_conversation_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("messages_pkey")),
        sa.UniqueConstraint("instance_id", "message_id", name=op.f("messages_instance_id_message_id_key")),
        schema="messaging",
    )
    op.create_index(
        "messages_thread_idx",
        "messages",
        ["conversation_id", sa.literal_column("timestamp desc"), sa.literal_column("id desc")],
        unique=False,
        schema="messaging",
    )
    op.create_table(
        "sends",
        sa.Column("message_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("conversation_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("instance_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("key", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), server_default="queued", nullable=False),
        sa.Column("correlation_id", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column(
            "queued_at",
            postgresql.TIMESTAMP(timezone=True, precision=3),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("claimed_at", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=True),
        sa.Column("finished_at", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=True),
        sa.CheckConstraint(
            "state in ('queued', 'dispatching', 'sent', 'failed', 'unknown', 'cancelled')",
            name=op.f("sends_state_check"),
        ),
        sa.ForeignKeyConstraint(
            ["message_id"], ["messaging.messages.id"], name=op.f("sends_message_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("message_id", name=op.f("sends_pkey")),
        schema="messaging",
    )
    op.create_index(
        "sends_key_key",
        "sends",
        ["key"],
        unique=True,
        schema="messaging",
        postgresql_where=sa.text("key is not null"),
    )
    op.create_index(
        "sends_waiting_idx",
        "sends",
        ["state", "queued_at"],
        unique=False,
        schema="messaging",
        postgresql_where=sa.text("state in ('queued', 'dispatching')"),
    )


def downgrade() -> None:
    op.drop_index(
        "sends_waiting_idx",
        table_name="sends",
        schema="messaging",
        postgresql_where=sa.text("state in ('queued', 'dispatching')"),
    )
    op.drop_index(
        "sends_key_key", table_name="sends", schema="messaging", postgresql_where=sa.text("key is not null")
    )
    op.drop_table("sends", schema="messaging")
    op.drop_index("messages_thread_idx", table_name="messages", schema="messaging")
    op.drop_table("messages", schema="messaging")
    op.drop_index("conversations_recent_idx", table_name="conversations", schema="messaging")
    op.drop_index("conversations_contact_id_idx", table_name="conversations", schema="messaging")
    op.drop_index("conversations_assigned_to_idx", table_name="conversations", schema="messaging")
    op.drop_table("conversations", schema="messaging")
    op.drop_table("instance_secrets", schema="messaging")
    op.drop_index(
        "contacts_instance_id_lid_key",
        table_name="contacts",
        schema="messaging",
        postgresql_where=sa.text("lid is not null"),
    )
    op.drop_table("contacts", schema="messaging")
    op.drop_index("quarantine_instance_name_idx", table_name="quarantine", schema="messaging")
    op.drop_table("quarantine", schema="messaging")
    op.drop_table("people", schema="messaging")
    op.drop_index(
        "instances_instance_id_external_key",
        table_name="instances",
        schema="messaging",
        postgresql_where=sa.text("instance_id_external is not null"),
    )
    op.drop_table("instances", schema="messaging")
