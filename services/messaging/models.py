"""The tables that messaging is about: instances, contacts, conversations, messages."""

from sqlalchemy import CheckConstraint, Computed, ForeignKey, Index, SmallInteger, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from services.kit import tables
from services.kit.tables import Created, Id, Json, Key, Time, Updated


class Base(DeclarativeBase):
    metadata = tables.metadata("messaging")
    type_annotation_map = tables.TYPES


def inbox(name: str, *first: str, where: str | None = None) -> Index:
    """A way to walk conversations from the newest on, within what comes first."""
    condition = None if where is None else text(where)
    return Index(name, *first, text("recency desc"), text("id desc"), postgresql_where=condition)


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
    status_told_at: Mapped[Time | None]
    qr_code: Mapped[str | None]
    metadata_: Mapped[Json] = mapped_column("metadata")
    provider_type: Mapped[str] = mapped_column(server_default="self_hosted")
    instance_id_external: Mapped[str | None]
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))
    last_inbound_at: Mapped[Time | None]
    last_sent_at: Mapped[Time | None]
    last_ack_at: Mapped[Time | None]
    sends_per_minute: Mapped[int] = mapped_column(server_default=text("60"))
    webhook_url: Mapped[str | None]
    webhook_checked_at: Mapped[Time | None]
    filled_until: Mapped[Time | None]
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


NAMELESS = "not is_group and deleted_at is null and (name !~ '[[:alpha:]]' or name like '%@%')"

UNCHECKED = "checked_at is null and deleted_at is null"

AUDIENCE = "not is_group and opt_in and is_active and deleted_at is null"


class Contact(Base):
    """`named_at` is when the message was written that the name was taken from: the earliest one counts."""

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
        Index("contacts_search_idx", "search", postgresql_using="gin"),
        Index("contacts_name_idx", text("lower(name)"), "id"),
        Index("contacts_groups_idx", "instance_id", "checked_at", postgresql_where=text("is_group")),
        Index("contacts_nameless_idx", "instance_id", "checked_at", postgresql_where=text(NAMELESS)),
        Index("contacts_unchecked_idx", "instance_id", "id", postgresql_where=text(UNCHECKED)),
        Index("contacts_audience_idx", "instance_id", "id", postgresql_where=text(AUDIENCE)),
    )
    id: Mapped[Key]
    instance_id: Mapped[Id] = mapped_column(ForeignKey("instances.id", ondelete="CASCADE"))
    phone_number: Mapped[str]
    name: Mapped[str]
    named_at: Mapped[Time | None]
    remote_jid: Mapped[str]
    lid: Mapped[str | None]
    profile_picture_url: Mapped[str | None]
    picture_told_at: Mapped[Time | None]
    checked_at: Mapped[Time | None]
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
    search: Mapped[str] = mapped_column(
        TSVECTOR, Computed("messaging.pieces(name || ' ' || phone_number)", persisted=True)
    )
    created_at: Mapped[Created]
    updated_at: Mapped[Updated]


class Conversation(Base):
    """`read_at` and `read_id` are the place in the thread up to which it has been read or answered."""

    __tablename__ = "conversations"
    __table_args__ = (
        UniqueConstraint("instance_id", "contact_id"),
        CheckConstraint("status in ('active', 'closed', 'archived')", name="status"),
        CheckConstraint("conversation_mode in ('ai', 'human', 'hybrid')", name="conversation_mode"),
        CheckConstraint("unread_count >= 0", name="unread_count"),
        inbox("conversations_recent_idx"),
        inbox("conversations_assigned_to_idx", "assigned_to", where="assigned_to is not null"),
        inbox("conversations_queue_idx", where="assigned_to is null"),
        inbox("conversations_status_idx", "status"),
        inbox("conversations_instance_idx", "instance_id"),
        inbox("conversations_mode_idx", "conversation_mode", where="conversation_mode <> 'human'"),
        inbox("conversations_category_idx", "category", where="category is not null"),
        inbox("conversations_unread_idx", where="unread_count > 0"),
        inbox("conversations_waiting_idx", where="is_waiting"),
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
    recency: Mapped[Time] = mapped_column(Computed("coalesce(last_message_at, '-infinity')", persisted=True))
    last_message_id: Mapped[Id | None]
    last_message_preview: Mapped[str | None]
    is_last_message_from_me: Mapped[bool] = mapped_column(server_default=text("false"))
    is_waiting: Mapped[bool] = mapped_column(
        Computed("last_message_at is not null and not is_last_message_from_me", persisted=True)
    )
    read_at: Mapped[Time | None]
    read_id: Mapped[Id | None]
    closed_at: Mapped[Time | None]
    metadata_: Mapped[Json] = mapped_column("metadata")
    created_at: Mapped[Created]
    updated_at: Mapped[Updated]


class Message(Base):
    """`message_id` is WhatsApp's; until it is known, `local:` and our own id.

    `progress` is how far it is proven to have come: see statuses.py.
    """

    __tablename__ = "messages"
    __table_args__ = (
        UniqueConstraint("instance_id", "message_id"),
        CheckConstraint(
            "status in ('sending', 'sent', 'delivered', 'read', 'failed', 'unknown', 'received')",
            name="status",
        ),
        Index("messages_thread_idx", "conversation_id", text("timestamp desc"), text("id desc")),
        Index("messages_media_url_idx", "media_url", postgresql_where=text("media_url is not null")),
        Index("messages_words_idx", "words", postgresql_using="gin"),
    )
    id: Mapped[Key]
    conversation_id: Mapped[Id] = mapped_column(ForeignKey("conversations.id", ondelete="CASCADE"))
    instance_id: Mapped[Id]
    message_id: Mapped[str]
    remote_jid: Mapped[str]
    content: Mapped[str]
    words: Mapped[str] = mapped_column(TSVECTOR, server_default=text("''"))
    message_type: Mapped[str]
    origin: Mapped[str]
    is_from_me: Mapped[bool]
    status: Mapped[str]
    progress: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    timestamp: Mapped[Time]
    quoted_message_id: Mapped[str | None]
    media_url: Mapped[str | None]
    media_mimetype: Mapped[str | None]
    media_status: Mapped[str] = mapped_column(server_default="none")
    media_filename: Mapped[str | None]
    media_size: Mapped[int | None]
    sender_name: Mapped[str | None]
    sender_lid: Mapped[str | None]
    sent_by: Mapped[Id | None]
    from_bot: Mapped[bool] = mapped_column(server_default=text("false"))
    is_internal: Mapped[bool] = mapped_column(server_default=text("false"))
    is_supervisor_message: Mapped[bool] = mapped_column(server_default=text("false"))
    original_content: Mapped[str | None]
    edited_at: Mapped[Time | None]
    deleted_at: Mapped[Time | None]
    deleted_by: Mapped[Id | None]
    audio_transcription: Mapped[str | None]
    transcription_status: Mapped[str | None]
    metadata_: Mapped[Json] = mapped_column("metadata")
    created_at: Mapped[Created]
