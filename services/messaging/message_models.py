"""The tables of what comes with messages: versions, reactions, files, and what has to wait."""

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from services.kit.tables import Created, Id, Key, Time
from services.messaging.models import Base


class Version(Base):
    """What an edit made of a message. Evolution may tell of them in any order, and twice."""

    __tablename__ = "message_versions"
    __table_args__ = (
        Index("message_versions_key", "message_id", "edited_at", text("md5(content)"), unique=True),
    )
    id: Mapped[Key]
    message_id: Mapped[Id] = mapped_column(ForeignKey("messages.id", ondelete="CASCADE"))
    content: Mapped[str]
    edited_at: Mapped[Time | None]
    edited_by: Mapped[Id | None]
    created_at: Mapped[Created]


class Reaction(Base):
    """Who reacted how; an empty emoji is one that was taken back, so that an older one does not return."""

    __tablename__ = "reactions"
    __table_args__ = (UniqueConstraint("message_id", "reactor"),)
    id: Mapped[Key]
    message_id: Mapped[Id] = mapped_column(ForeignKey("messages.id", ondelete="CASCADE"))
    reactor: Mapped[str]
    reactor_jid: Mapped[str]
    emoji: Mapped[str]
    is_from_me: Mapped[bool]
    reacted_at: Mapped[Time]
    created_at: Mapped[Created]


class Parked(Base):
    """What was told of a message or a contact before it was here itself."""

    __tablename__ = "parked"
    __table_args__ = (Index(None, "instance_id", "target"), Index(None, "parked_at"))
    id: Mapped[Key]
    instance_id: Mapped[Id] = mapped_column(ForeignKey("instances.id", ondelete="CASCADE"))
    target: Mapped[str]
    kind: Mapped[str]
    item: Mapped[str] = mapped_column(JSONB)
    told_at: Mapped[Time | None]
    parked_at: Mapped[Created]


class MediaJob(Base):
    """A file that has still to be fetched and stored; `content` is what came with the webhook, in base64."""

    __tablename__ = "media_jobs"
    __table_args__ = (Index(None, "due_at"),)
    message_id: Mapped[Id] = mapped_column(ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True)
    media: Mapped[str] = mapped_column(JSONB)
    content: Mapped[bytes | None] = mapped_column(LargeBinary)
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    due_at: Mapped[Created]


class File(Base):
    """What is known about an object in S3; its bytes are the gateway's and the media worker's business."""

    __tablename__ = "files"
    __table_args__ = (
        CheckConstraint("status in ('pending', 'stored', 'deleted')", name="status"),
        CheckConstraint("purpose in ('general', 'avatar', 'whatsapp', 'campaign')", name="purpose"),
        Index("files_unsettled_idx", "created_at", postgresql_where=text("status <> 'stored'")),
        Index(None, "message_id"),
    )
    id: Mapped[Key]
    key: Mapped[str] = mapped_column(unique=True)
    bucket: Mapped[str]
    original_name: Mapped[str | None]
    mime_type: Mapped[str | None]
    size_bytes: Mapped[int | None] = mapped_column(BigInteger)
    purpose: Mapped[str]
    status: Mapped[str]
    owner_id: Mapped[Id | None]
    message_id: Mapped[Id | None] = mapped_column(ForeignKey("messages.id", ondelete="SET NULL"))
    checksum: Mapped[str | None]
    created_at: Mapped[Created]
    deleted_at: Mapped[Time | None]


class Quarantined(Base):
    """A webhook that could not be handled yet: kept with the reason, taken up when it can be."""

    __tablename__ = "quarantine"
    __table_args__ = (Index("quarantine_instance_name_idx", "instance_name"), Index(None, "due_at"))
    id: Mapped[Key]
    instance_name: Mapped[str]
    reason: Mapped[str]
    body: Mapped[bytes] = mapped_column(LargeBinary)
    secret_hash: Mapped[str | None]
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    due_at: Mapped[Time | None]
    received_at: Mapped[Created]
