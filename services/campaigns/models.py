"""The tables of campaigns, their recipients and their pace."""

from sqlalchemy import CheckConstraint, Date, ForeignKey, Index, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from services.kit import tables
from services.kit.tables import Created, Id, Key, Time, Updated


class Base(DeclarativeBase):
    metadata = tables.metadata("campaigns")
    type_annotation_map = tables.TYPES


NONE = text("0")


def one_of(column: str, values: str) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values.split())
    return CheckConstraint(f"{column} in ({listed})", name=column)


class Campaign(Base):
    __tablename__ = "campaigns"
    __table_args__ = (
        one_of("status", "draft scheduled sending paused completed cancelled failed"),
        one_of("media_type", "image video document audio"),
        CheckConstraint("status <> 'scheduled' or scheduled_at is not null", name="schedule"),
        CheckConstraint("(media_url is null) = (media_type is null)", name="media"),
        CheckConstraint("(quiet_from is null) = (quiet_to is null)", name="quiet_hours"),
        Index(None, "created_at", "id"),
        Index(None, "instance_id"),
        Index("campaigns_due_idx", "scheduled_at", postgresql_where=text("status = 'scheduled'")),
        Index(
            "campaigns_at_work_idx",
            "id",
            postgresql_where=text("status = 'sending' or queued_count + pending_count > 0"),
        ),
    )
    id: Mapped[Key]
    name: Mapped[str]
    description: Mapped[str | None]
    status: Mapped[str]
    message_template: Mapped[str]
    media_url: Mapped[str | None]
    media_type: Mapped[str | None]
    target_audience: Mapped[str | None] = mapped_column(JSONB)
    quiet_from: Mapped[str | None]
    quiet_to: Mapped[str | None]
    scheduled_at: Mapped[Time | None]
    instance_id: Mapped[Id | None]
    author_name: Mapped[str | None]
    started_at: Mapped[Time | None]
    audience_cursor: Mapped[str | None]  # how much of the audience has been written down
    frozen_at: Mapped[Time | None]  # all of it
    time_zones: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list, server_default=text("'{}'"))
    completed_at: Mapped[Time | None]
    cancelled_at: Mapped[Time | None]
    stalled_since: Mapped[Time | None]
    stall_told_at: Mapped[Time | None]
    failure_reason: Mapped[str | None]
    failure_streak: Mapped[int] = mapped_column(default=0, server_default=NONE)
    total_recipients: Mapped[int] = mapped_column(default=0, server_default=NONE)
    pending_count: Mapped[int] = mapped_column(default=0, server_default=NONE)
    queued_count: Mapped[int] = mapped_column(default=0, server_default=NONE)
    sent_count: Mapped[int] = mapped_column(default=0, server_default=NONE)
    delivered_count: Mapped[int] = mapped_column(default=0, server_default=NONE)
    read_count: Mapped[int] = mapped_column(default=0, server_default=NONE)
    failed_count: Mapped[int] = mapped_column(default=0, server_default=NONE)
    unknown_count: Mapped[int] = mapped_column(default=0, server_default=NONE)
    cancelled_count: Mapped[int] = mapped_column(default=0, server_default=NONE)
    created_by: Mapped[Id]
    created_at: Mapped[Created]
    updated_at: Mapped[Updated]


class Recipient(Base):
    __tablename__ = "campaign_messages"
    __table_args__ = (
        one_of("status", "pending queued sent delivered read failed unknown cancelled"),
        Index("campaign_messages_contact_key", "campaign_id", "contact_id", unique=True),
        Index("campaign_messages_phone_key", "campaign_id", "phone_number", unique=True),
        Index("campaign_messages_status_idx", "campaign_id", "status", "contact_id"),
        Index(
            "campaign_messages_next_idx",
            "campaign_id",
            "time_zone",
            "id",
            postgresql_where=text("status = 'pending'"),
        ),
        Index("campaign_messages_open_idx", "contact_id", postgresql_where=text("status = 'pending'")),
        Index(
            "campaign_messages_whatsapp_idx",
            "whatsapp_message_id",
            postgresql_where=text("whatsapp_message_id is not null"),
        ),
    )
    id: Mapped[Key]
    campaign_id: Mapped[Id] = mapped_column(ForeignKey(Campaign.id, ondelete="cascade"))
    contact_id: Mapped[Id]
    contact_name: Mapped[str | None]
    phone_number: Mapped[str]
    time_zone: Mapped[str] = mapped_column(default="", server_default="")  # empty: the workspace's
    status: Mapped[str]
    attempts: Mapped[int] = mapped_column(default=0, server_default=NONE)
    rendered_content: Mapped[str | None]
    handed_at: Mapped[Time | None]
    handed_on: Mapped[str | None] = mapped_column(Date)
    message_id: Mapped[Id | None]
    whatsapp_message_id: Mapped[str | None]
    sent_at: Mapped[Time | None]
    delivered_at: Mapped[Time | None]
    read_at: Mapped[Time | None]
    error: Mapped[str | None]
    created_at: Mapped[Created]


class InstancePacing(Base):
    __tablename__ = "instance_pacing"
    instance_id: Mapped[Id] = mapped_column(primary_key=True)
    daily_cap: Mapped[int | None]
    warm_up_from: Mapped[str | None] = mapped_column(Date)
    updated_at: Mapped[Updated]


class InstanceDay(Base):
    """What campaigns have handed over for an instance on a day of the workspace."""

    __tablename__ = "instance_days"
    instance_id: Mapped[Id] = mapped_column(primary_key=True)
    day: Mapped[str] = mapped_column(Date, primary_key=True)
    handed: Mapped[int] = mapped_column(default=0, server_default=NONE)
