"""The tables of messaging."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Computed,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    SmallInteger,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSVECTOR
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from services.kit import context, tables
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


class Assignment(Base):
    __tablename__ = "conversation_assignments"
    __table_args__ = (Index(None, "conversation_id", "id"),)
    id: Mapped[Key]
    conversation_id: Mapped[Id] = mapped_column(ForeignKey("conversations.id", ondelete="CASCADE"))
    assigned_from: Mapped[Id | None]
    assigned_to: Mapped[Id | None]
    assigned_by: Mapped[Id | None]
    reason: Mapped[str | None]
    created_at: Mapped[Created]


class AssignmentRule(Base):
    __tablename__ = "assignment_rules"
    __table_args__ = (
        CheckConstraint("rule_type in ('fixed', 'round_robin')", name="rule_type"),
        CheckConstraint("rule_type <> 'fixed' or fixed_agent_id is not null", name="fixed"),
        CheckConstraint(
            "rule_type <> 'round_robin' or cardinality(round_robin_agents) > 0", name="round_robin"
        ),
        Index("assignment_rules_active_key", "instance_id", unique=True, postgresql_where=text("is_active")),
    )
    id: Mapped[Key]
    name: Mapped[str]
    instance_id: Mapped[Id] = mapped_column(ForeignKey("instances.id", ondelete="CASCADE"))
    rule_type: Mapped[str]
    fixed_agent_id: Mapped[Id | None]
    round_robin_agents: Mapped[list[str]] = mapped_column(
        ARRAY(Uuid(as_uuid=False)), server_default=text("'{}'")
    )
    round_robin_last_index: Mapped[int] = mapped_column(server_default=text("-1"))
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))
    created_at: Mapped[Created]
    updated_at: Mapped[Updated]


class Macro(Base):
    __tablename__ = "macros"
    __table_args__ = (
        Index(
            "macros_shortcut_key",
            text("coalesce(instance_id, '00000000-0000-0000-0000-000000000000')"),
            "shortcut",
            unique=True,
            postgresql_where=text("is_active"),
        ),
        Index("macros_name_idx", "name", "id", postgresql_where=text("is_active")),
    )
    id: Mapped[Key]
    instance_id: Mapped[Id | None] = mapped_column(ForeignKey("instances.id", ondelete="CASCADE"))
    name: Mapped[str]
    shortcut: Mapped[str]
    content: Mapped[str]
    description: Mapped[str | None]
    category: Mapped[str] = mapped_column(server_default="geral")
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))
    usage_count: Mapped[int] = mapped_column(server_default=text("0"))
    created_at: Mapped[Created]
    updated_at: Mapped[Updated]


class Note(Base):
    __tablename__ = "notes"
    __table_args__ = (
        Index(
            "notes_order_idx",
            "conversation_id",
            text("is_pinned desc"),
            text("created_at desc"),
            text("id desc"),
        ),
    )
    id: Mapped[Key]
    conversation_id: Mapped[Id] = mapped_column(ForeignKey("conversations.id", ondelete="CASCADE"))
    content: Mapped[str]
    is_pinned: Mapped[bool] = mapped_column(server_default=text("false"))
    created_by: Mapped[Id | None]
    created_at: Mapped[Created]
    updated_at: Mapped[Updated]


class Tally(Base):
    """How many conversations there are of each kind: rows add up; a trigger writes, a job condenses."""

    __tablename__ = "tallies"
    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    instance_id: Mapped[Id]
    status: Mapped[str]
    conversation_mode: Mapped[str]
    assigned_to: Mapped[Id | None]
    category: Mapped[str | None]
    is_unread: Mapped[bool]
    is_waiting: Mapped[bool]
    amount: Mapped[int]


class Send(Base):
    """What this system sends: claimed before the call, never sent again by guesswork.

    A campaign's message waits here as a draft, and becomes a message when it is its turn.
    """

    __tablename__ = "sends"
    __table_args__ = (
        CheckConstraint(
            "state in ('queued', 'dispatching', 'sent', 'failed', 'unknown', 'cancelled', 'dropped')",
            name="state",
        ),
        CheckConstraint("message_id is not null or draft is not null", name="content"),
        Index("sends_key_key", "key", unique=True, postgresql_where=text("key is not null")),
        Index(
            "sends_queue_idx",
            "instance_id",
            "priority",
            "due_at",
            "id",
            postgresql_where=text("state = 'queued'"),
        ),
        Index(
            "sends_contact_idx",
            "contact_id",
            "queued_at",
            postgresql_where=text("state in ('queued', 'dispatching')"),
        ),
        Index(
            "sends_unsettled_idx",
            "state",
            "claimed_at",
            postgresql_where=text("state in ('dispatching', 'unknown')"),
        ),
    )
    id: Mapped[Key]
    message_id: Mapped[Id | None] = mapped_column(ForeignKey("messages.id", ondelete="CASCADE"), unique=True)
    contact_id: Mapped[Id]
    instance_id: Mapped[Id] = mapped_column(ForeignKey("instances.id", ondelete="CASCADE"))
    key: Mapped[str | None]
    priority: Mapped[int] = mapped_column(SmallInteger)
    state: Mapped[str] = mapped_column(server_default="queued")
    draft: Mapped[str | None] = mapped_column(JSONB)
    correlation_id: Mapped[str | None]
    error: Mapped[str | None]
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    checks: Mapped[int] = mapped_column(server_default=text("0"))
    traceparent: Mapped[str | None] = mapped_column(default=lambda: context.current().traceparent)
    queued_at: Mapped[Created]
    due_at: Mapped[Created]
    not_after: Mapped[Time | None]
    claimed_at: Mapped[Time | None]
    finished_at: Mapped[Time | None]


class Restore(Base):
    """The database was brought back from a backup: nothing leaves until `convo reconcile` has run."""

    __tablename__ = "restores"
    restored_at: Mapped[Time] = mapped_column(primary_key=True)
    reconciled_at: Mapped[Time | None]


class RefusedKey(Base):
    """A key that was taken back before it came."""

    __tablename__ = "refused_keys"
    key: Mapped[str] = mapped_column(primary_key=True)
    refused_at: Mapped[Created]


class Gate(Base):
    """Through which everything that an instance sends has to pass; locking it makes sending one by one."""

    __tablename__ = "gates"
    instance_id: Mapped[Id] = mapped_column(ForeignKey("instances.id", ondelete="CASCADE"), primary_key=True)
    bulk_opens_at: Mapped[Created]
    paused_until: Mapped[Created]


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


class Person(Base):
    """What messaging knows of the people who attend, from identity's events."""

    __tablename__ = "people"
    id: Mapped[Key]
    full_name: Mapped[str]
    avatar_url: Mapped[str | None]
    role: Mapped[str]
    is_active: Mapped[bool]
    is_approved: Mapped[bool]
    updated_at: Mapped[Time] = mapped_column(server_default="-infinity")
