"""people sessions and the team"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "mails",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column(
            "created_at",
            postgresql.TIMESTAMP(timezone=True, precision=3),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("settled_at", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("mails_pkey")),
        schema="identity",
    )
    op.create_index(op.f("mails_created_at_idx"), "mails", ["created_at"], unique=False, schema="identity")
    op.create_table(
        "profiles",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("full_name", sa.Text(), nullable=False),
        sa.Column("avatar_url", sa.Text(), nullable=True),
        sa.Column("role", sa.Text(), server_default="agent", nullable=False),
        sa.Column("status", sa.Text(), server_default="online", nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("is_approved", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("is_founder", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("tokens_valid_after", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=True),
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
        sa.CheckConstraint("role in ('admin', 'supervisor', 'agent')", name=op.f("profiles_role_check")),
        sa.CheckConstraint(
            "status in ('online', 'offline', 'away', 'busy')", name=op.f("profiles_status_check")
        ),
        sa.CheckConstraint("email = lower(email)", name=op.f("profiles_email_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("profiles_pkey")),
        sa.UniqueConstraint("email", name=op.f("profiles_email_key")),
        schema="identity",
    )
    op.create_index(
        "profiles_created_at_id_idx", "profiles", ["created_at", "id"], unique=False, schema="identity"
    )
    op.create_index(
        "profiles_full_name_id_idx", "profiles", ["full_name", "id"], unique=False, schema="identity"
    )
    op.create_index(
        "profiles_is_founder_key",
        "profiles",
        ["is_founder"],
        unique=True,
        schema="identity",
        postgresql_where=sa.text("is_founder"),
    )
    op.create_table(
        "project_config",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
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
        sa.PrimaryKeyConstraint("id", name=op.f("project_config_pkey")),
        sa.UniqueConstraint("key", name=op.f("project_config_key_key")),
        schema="identity",
    )
    op.create_table(
        "revocations",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("session_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("user_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("issued_before", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=True),
        sa.Column(
            "created_at",
            postgresql.TIMESTAMP(timezone=True, precision=3),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "(user_id is null) = (issued_before is null)", name=op.f("revocations_issued_before_check")
        ),
        sa.CheckConstraint("num_nonnulls(session_id, user_id) = 1", name=op.f("revocations_about_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("revocations_pkey")),
        schema="identity",
    )
    op.create_index(
        op.f("revocations_created_at_idx"), "revocations", ["created_at"], unique=False, schema="identity"
    )
    op.create_table(
        "signing_keys",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("public_key", sa.Text(), nullable=False),
        sa.Column("private_key", sa.Text(), nullable=False),
        sa.Column("signs_from", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=False),
        sa.Column("retires_at", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=True),
        sa.Column(
            "created_at",
            postgresql.TIMESTAMP(timezone=True, precision=3),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("signing_keys_pkey")),
        sa.UniqueConstraint("generation", name=op.f("signing_keys_generation_key")),
        schema="identity",
    )
    op.create_table(
        "team_invites",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), server_default="agent", nullable=False),
        sa.Column("sector_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default="pending", nullable=False),
        sa.Column("expires_at", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=False),
        sa.Column("accepted_at", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=True),
        sa.Column("invited_by", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column(
            "created_at",
            postgresql.TIMESTAMP(timezone=True, precision=3),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint("role in ('admin', 'supervisor', 'agent')", name=op.f("team_invites_role_check")),
        sa.CheckConstraint(
            "status in ('pending', 'accepted', 'expired', 'revoked')", name=op.f("team_invites_status_check")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("team_invites_pkey")),
        sa.UniqueConstraint("token_hash", name=op.f("team_invites_token_hash_key")),
        schema="identity",
    )
    op.create_index(
        op.f("team_invites_created_at_id_idx"),
        "team_invites",
        ["created_at", "id"],
        unique=False,
        schema="identity",
    )
    op.create_index(
        "team_invites_email_pending_key",
        "team_invites",
        ["email"],
        unique=True,
        schema="identity",
        postgresql_where=sa.text("status = 'pending'"),
    )
    op.create_table(
        "throttles",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("moments", postgresql.ARRAY(postgresql.TIMESTAMP(timezone=True)), nullable=False),
        sa.Column("allowed", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("throttles_pkey")),
        schema="identity",
    )
    op.create_table(
        "auth_sessions",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("user_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("rotated_at", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=True),
        sa.Column("user_agent", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column(
            "created_at",
            postgresql.TIMESTAMP(timezone=True, precision=3),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "last_used_at",
            postgresql.TIMESTAMP(timezone=True, precision=3),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("expires_at", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=False),
        sa.Column("revoked_at", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["identity.profiles.id"], name=op.f("auth_sessions_user_id_fkey"), ondelete="cascade"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("auth_sessions_pkey")),
        schema="identity",
    )
    op.create_index(
        op.f("auth_sessions_expires_at_idx"), "auth_sessions", ["expires_at"], unique=False, schema="identity"
    )
    op.create_index(
        op.f("auth_sessions_user_id_address_idx"),
        "auth_sessions",
        ["user_id", "address"],
        unique=False,
        schema="identity",
    )
    op.create_table(
        "password_reset_tokens",
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("expires_at", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=False),
        sa.Column("used_at", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=True),
        sa.Column(
            "created_at",
            postgresql.TIMESTAMP(timezone=True, precision=3),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["identity.profiles.id"],
            name=op.f("password_reset_tokens_user_id_fkey"),
            ondelete="cascade",
        ),
        sa.PrimaryKeyConstraint("hash", name=op.f("password_reset_tokens_pkey")),
        schema="identity",
    )
    op.create_index(
        op.f("password_reset_tokens_user_id_idx"),
        "password_reset_tokens",
        ["user_id"],
        unique=False,
        schema="identity",
    )
    op.create_table(
        "user_passwords",
        sa.Column("user_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
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
            ["user_id"],
            ["identity.profiles.id"],
            name=op.f("user_passwords_user_id_fkey"),
            ondelete="cascade",
        ),
        sa.PrimaryKeyConstraint("user_id", name=op.f("user_passwords_pkey")),
        schema="identity",
    )
    op.create_table(
        "refresh_tokens",
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("session_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["identity.auth_sessions.id"],
            name=op.f("refresh_tokens_session_id_fkey"),
            ondelete="cascade",
        ),
        sa.PrimaryKeyConstraint("hash", name=op.f("refresh_tokens_pkey")),
        sa.UniqueConstraint(
            "session_id", "generation", name=op.f("refresh_tokens_session_id_generation_key")
        ),
        schema="identity",
    )
