"""The tables of messaging."""

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from services.kit import tables
from services.kit.tables import Created, Id, Json, Key, Time, Updated


class Base(DeclarativeBase):
    metadata = tables.metadata("messaging")
    type_annotation_map = tables.TYPES


class Instance(Base):
    __tablename__ = "instances"
    __table_args__ = (
        CheckConstraint("status in ('connected', 'connecting', 'disconnected')", name="status"),
        CheckConstraint("provider_type in ('self_hosted', 'cloud', 'evolution_bot')", name="provider_type"),
        Index(
            "instances_instance_id_external_key",
            "instance_id_external",
            unique=True,
            postgresql_where=text("instance_id_external is not null"),
        ),
    )
    id: Mapped[Key]
    name: Mapped[str]
    instance_name: Mapped[str] = mapped_column(unique=True)
    status: Mapped[str] = mapped_column(server_default="disconnected")
    qr_code: Mapped[str | None]
    metadata_: Mapped[Json] = mapped_column("metadata")
    provider_type: Mapped[str] = mapped_column(server_default="self_hosted")
    instance_id_external: Mapped[str | None]
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))
    last_inbound_at: Mapped[Time | None]
    last_ack_at: Mapped[Time | None]
    created_at: Mapped[Created]
    updated_at: Mapped[Updated]


class InstanceSecret(Base):
    """What Evolution is called with, sealed, and the hashes of the secrets that its webhooks carry."""

    __tablename__ = "instance_secrets"
    instance_id: Mapped[Id] = mapped_column(ForeignKey("instances.id", ondelete="CASCADE"), primary_key=True)
    api_url: Mapped[str]
    api_key: Mapped[str]
    webhook_secret_hash: Mapped[str | None]
    previous_webhook_secret_hash: Mapped[str | None]
    previous_webhook_secret_until: Mapped[Time | None]
    created_at: Mapped[Created]
    updated_at: Mapped[Updated]


class Contact(Base):
    __tablename__ = "contacts"
    __table_args__ = (
        UniqueConstraint("instance_id", "phone_number"),
        Index(
            "contacts_instance_id_lid_key",
            "instance_id",
            "lid",
            unique=True,
            postgresql_where=text("lid is not null"),
        ),
    )
    id: Mapped[Key]
    instance_id: Mapped[Id] = mapped_column(ForeignKey("instances.id", ondelete="CASCADE"))
    phone_number: Mapped[str]
    name: Mapped[str]
    remote_jid: Mapped[str]
    lid: Mapped[str | None]
    profile_picture_url: Mapped[str | None]
    is_group: Mapped[bool] = mapped_column(server_default=text("false"))
    notes: Mapped[str | None]
    email: Mapped[str | None]
    metadata_: Mapped[Json] = mapped_column("metadata")
    opt_in: Mapped[bool] = mapped_column(server_default=text("true"))
    opt_in_updated_at: Mapped[Time | None]
    source: Mapped[str] = mapped_column(server_default="whatsapp")
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))
    created_by: Mapped[Id | None]
    deleted_at: Mapped[Time | None]
    created_at: Mapped[Created]
    updated_at: Mapped[Updated]


class Conversation(Base):
    __tablename__ = "conversations"
    __table_args__ = (
        UniqueConstraint("instance_id", "contact_id"),
        CheckConstraint("status in ('active', 'closed', 'archived')", name="status"),
        CheckConstraint("conversation_mode in ('ai', 'human', 'hybrid')", name="conversation_mode"),
        CheckConstraint("unread_count >= 0", name="unread_count"),
        Index(
            "conversations_recent_idx",
            text("last_message_at desc nulls last"),
            text("id desc"),
        ),
        Index(
            "conversations_assigned_to_idx",
            "assigned_to",
            text("last_message_at desc nulls last"),
            text("id desc"),
        ),
        Index("conversations_contact_id_idx", "contact_id"),
    )
    id: Mapped[Key]
    instance_id: Mapped[Id] = mapped_column(ForeignKey("instances.id", ondelete="CASCADE"))
    contact_id: Mapped[Id] = mapped_column(ForeignKey("contacts.id", ondelete="CASCADE"))
    status: Mapped[str] = mapped_column(server_default="active")
    conversation_mode: Mapped[str] = mapped_column(server_default="human")
    assigned_to: Mapped[Id | None]
    category: Mapped[str | None]
    subcategory: Mapped[str | None]
    current_sentiment: Mapped[str | None]
    sector_id: Mapped[Id | None]
    unread_count: Mapped[int] = mapped_column(server_default=text("0"))
    customer_message_count: Mapped[int] = mapped_column(server_default=text("0"))
    last_message_at: Mapped[Time | None]
    last_message_preview: Mapped[str | None]
    is_last_message_from_me: Mapped[bool] = mapped_column(server_default=text("false"))
    metadata_: Mapped[Json] = mapped_column("metadata")
    created_at: Mapped[Created]
    updated_at: Mapped[Updated]


class Message(Base):
    """`message_id` is WhatsApp's; until it is known, `local:` and our own id."""

    __tablename__ = "messages"
    __table_args__ = (
        UniqueConstraint("instance_id", "message_id"),
        CheckConstraint(
            "status in ('sending', 'sent', 'delivered', 'read', 'failed', 'unknown', 'received')",
            name="status",
        ),
        Index("messages_thread_idx", "conversation_id", text("timestamp desc"), text("id desc")),
        Index("messages_media_url_idx", "media_url", postgresql_where=text("media_url is not null")),
    )
    id: Mapped[Key]
    conversation_id: Mapped[Id] = mapped_column(ForeignKey("conversations.id", ondelete="CASCADE"))
    instance_id: Mapped[Id]
    message_id: Mapped[str]
    remote_jid: Mapped[str]
    content: Mapped[str]
    message_type: Mapped[str]
    origin: Mapped[str]
    is_from_me: Mapped[bool]
    status: Mapped[str]
    timestamp: Mapped[Time]
    quoted_message_id: Mapped[str | None]
    media_url: Mapped[str | None]
    media_mimetype: Mapped[str | None]
    media_status: Mapped[str] = mapped_column(server_default="none")
    media_filename: Mapped[str | None]
    sender_name: Mapped[str | None]
    sent_by: Mapped[Id | None]
    from_bot: Mapped[bool] = mapped_column(server_default=text("false"))
    is_internal: Mapped[bool] = mapped_column(server_default=text("false"))
    is_supervisor_message: Mapped[bool] = mapped_column(server_default=text("false"))
    original_content: Mapped[str | None]
    edited_at: Mapped[Time | None]
    deleted_at: Mapped[Time | None]
    audio_transcription: Mapped[str | None]
    transcription_status: Mapped[str | None]
    metadata_: Mapped[Json] = mapped_column("metadata")
    created_at: Mapped[Created]


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


class Send(Base):
    """What this system sends: claimed before the call, never sent again by guesswork."""

    __tablename__ = "sends"
    __table_args__ = (
        CheckConstraint(
            "state in ('queued', 'dispatching', 'sent', 'failed', 'unknown', 'cancelled')", name="state"
        ),
        Index("sends_key_key", "key", unique=True, postgresql_where=text("key is not null")),
        Index(
            "sends_waiting_idx",
            "state",
            "queued_at",
            postgresql_where=text("state in ('queued', 'dispatching')"),
        ),
    )
    message_id: Mapped[Id] = mapped_column(ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True)
    conversation_id: Mapped[Id]
    instance_id: Mapped[Id]
    key: Mapped[str | None]
    state: Mapped[str] = mapped_column(server_default="queued")
    correlation_id: Mapped[str | None]
    error: Mapped[str | None]
    queued_at: Mapped[Created]
    claimed_at: Mapped[Time | None]
    finished_at: Mapped[Time | None]


class Quarantined(Base):
    """A webhook that could not be handled yet: kept with the reason, taken up when it can be."""

    __tablename__ = "quarantine"
    __table_args__ = (Index("quarantine_instance_name_idx", "instance_name"),)
    id: Mapped[Key]
    instance_name: Mapped[str]
    reason: Mapped[str]
    body: Mapped[bytes] = mapped_column(LargeBinary)
    received_at: Mapped[Created]


class Person(Base):
    """What messaging knows of the people who attend, from identity's events."""

    __tablename__ = "people"
    id: Mapped[Key]
    full_name: Mapped[str]
    avatar_url: Mapped[str | None]
    role: Mapped[str]
    is_active: Mapped[bool]
    is_approved: Mapped[bool]
