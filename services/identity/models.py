"""The tables of identity."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, false, func, text, true
from sqlalchemy.dialects.postgresql import ARRAY, TIMESTAMP
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from services.kit import tables
from services.kit.tables import Created, Id, Key, Time, Updated


class Base(DeclarativeBase):
    metadata = tables.metadata("identity")
    type_annotation_map = tables.TYPES


ROLES = "role in ('admin', 'supervisor', 'agent')"


class Profile(Base):
    __tablename__ = "profiles"
    __table_args__ = (
        CheckConstraint("status in ('online', 'offline', 'away', 'busy')", name="status"),
        CheckConstraint(ROLES, name="role"),
        CheckConstraint("email = lower(email)", name="email"),
        UniqueConstraint("email"),
        # Of many first registrations at the same moment, one can be the founder.
        Index("profiles_is_founder_key", "is_founder", unique=True, postgresql_where=text("is_founder")),
        Index("profiles_full_name_id_idx", "full_name", "id"),
        Index("profiles_created_at_id_idx", "created_at", "id"),
    )
    id: Mapped[Key]
    email: Mapped[str]
    full_name: Mapped[str]
    avatar_url: Mapped[str | None]
    role: Mapped[str] = mapped_column(default="agent", server_default="agent")
    status: Mapped[str] = mapped_column(default="online", server_default="online")
    is_active: Mapped[bool] = mapped_column(default=True, server_default=true())
    is_approved: Mapped[bool] = mapped_column(default=False, server_default=false())
    is_founder: Mapped[bool] = mapped_column(default=False, server_default=false())
    tokens_valid_after: Mapped[Time | None]
    created_at: Mapped[Created]
    updated_at: Mapped[Updated]


class UserPassword(Base):
    __tablename__ = "user_passwords"
    user_id: Mapped[Id] = mapped_column(ForeignKey(Profile.id, ondelete="cascade"), primary_key=True)
    password_hash: Mapped[str]
    created_at: Mapped[Created]
    updated_at: Mapped[Updated]


class AuthSession(Base):
    """A sign-in on one device, and the family of refresh tokens that descend from it."""

    __tablename__ = "auth_sessions"
    __table_args__ = (Index(None, "user_id", "address"), Index(None, "expires_at"))
    id: Mapped[Key]
    user_id: Mapped[Id] = mapped_column(ForeignKey(Profile.id, ondelete="cascade"))
    generation: Mapped[int] = mapped_column(default=1)
    rotated_at: Mapped[Time | None]
    user_agent: Mapped[str]
    address: Mapped[str]
    created_at: Mapped[Created]
    last_used_at: Mapped[Created]
    expires_at: Mapped[Time]
    revoked_at: Mapped[Time | None]


class RefreshToken(Base):
    __tablename__ = "refresh_tokens"
    __table_args__ = (UniqueConstraint("session_id", "generation"),)
    hash: Mapped[str] = mapped_column(primary_key=True)
    session_id: Mapped[Id] = mapped_column(ForeignKey(AuthSession.id, ondelete="cascade"))
    generation: Mapped[int]


class Revocation(Base):
    """Access tokens that are refused before they expire. Its clock is the database's alone."""

    __tablename__ = "revocations"
    __table_args__ = (
        Index(None, "created_at"),
        CheckConstraint("(user_id is null) = (issued_before is null)", name="issued_before"),
        CheckConstraint("num_nonnulls(session_id, user_id) = 1", name="about"),
    )
    id: Mapped[Key]
    session_id: Mapped[Id | None]
    user_id: Mapped[Id | None]
    issued_before: Mapped[Time | None]
    created_at: Mapped[Time] = mapped_column(server_default=func.clock_timestamp())


class SigningKey(Base):
    __tablename__ = "signing_keys"
    __table_args__ = (UniqueConstraint("generation"),)
    id: Mapped[Key]
    generation: Mapped[int]
    public_key: Mapped[str]
    private_key: Mapped[str]
    signs_from: Mapped[Time]
    retires_at: Mapped[Time | None]
    created_at: Mapped[Created]


class Throttle(Base):
    """The moments of recent failures of one address, one account, or one of both."""

    __tablename__ = "throttles"
    key: Mapped[str] = mapped_column(primary_key=True)
    moments: Mapped[list[datetime]] = mapped_column(ARRAY(TIMESTAMP(timezone=True)))
    allowed: Mapped[int]


class ProjectConfig(Base):
    __tablename__ = "project_config"
    __table_args__ = (UniqueConstraint("key"),)
    id: Mapped[Key]
    key: Mapped[str]
    value: Mapped[str]
    created_at: Mapped[Created]
    updated_at: Mapped[Updated]


class TeamInvite(Base):
    __tablename__ = "team_invites"
    __table_args__ = (
        CheckConstraint(ROLES, name="role"),
        CheckConstraint("status in ('pending', 'accepted', 'expired', 'revoked')", name="status"),
        UniqueConstraint("token_hash"),
        Index(
            "team_invites_email_pending_key",
            "email",
            unique=True,
            postgresql_where=text("status = 'pending'"),
        ),
        Index(None, "created_at", "id"),
    )
    id: Mapped[Key]
    email: Mapped[str]
    role: Mapped[str] = mapped_column(default="agent", server_default="agent")
    sector_id: Mapped[Id | None]
    token_hash: Mapped[str]
    status: Mapped[str] = mapped_column(default="pending", server_default="pending")
    expires_at: Mapped[Time]
    accepted_at: Mapped[Time | None]
    invited_by: Mapped[Id]
    created_at: Mapped[Created]


class PasswordResetToken(Base):
    __tablename__ = "password_reset_tokens"
    __table_args__ = (Index(None, "user_id"),)
    hash: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[Id] = mapped_column(ForeignKey(Profile.id, ondelete="cascade"))
    expires_at: Mapped[Time]
    used_at: Mapped[Time | None]
    created_at: Mapped[Created]


class Mail(Base):
    """A letter on its way. Its text is sealed, as it holds links that open doors, and is gone once sent."""

    __tablename__ = "mails"
    __table_args__ = (Index(None, "created_at"),)
    id: Mapped[Key]
    recipient: Mapped[str]
    subject: Mapped[str]
    body: Mapped[str | None]
    outcome: Mapped[str | None]
    created_at: Mapped[Created]
    settled_at: Mapped[Time | None]
