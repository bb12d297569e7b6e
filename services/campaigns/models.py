"""The tables of campaigns, escalations and meetings."""

from typing import Any

from sqlalchemy import CheckConstraint, Date, ForeignKey, Index, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSTZRANGE, ExcludeConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from services.kit import tables
from services.kit.tables import Created, Id, Json, Key, Time, Updated


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


class Escalation(Base):
    __tablename__ = "escalations"
    __table_args__ = (
        one_of("escalation_type", "user team supervisor"),
        one_of("status", "pending assigned resolved abandoned expired"),
        one_of("priority", "low medium high urgent"),
        CheckConstraint("status <> 'assigned' or escalated_to is not null", name="assignee"),
        Index(
            "escalations_active_key",
            "conversation_id",
            unique=True,
            postgresql_where=text("status in ('pending', 'assigned')"),
        ),
        Index("escalations_queue_idx", "status", "priority", "created_at"),
        Index("escalations_load_idx", "escalated_to", postgresql_where=text("status = 'assigned'")),
        Index("escalations_turn_idx", "escalated_to", "assigned_at"),
        Index(None, "created_at", "id"),
        Index(None, "conversation_id"),
    )
    id: Mapped[Key]
    conversation_id: Mapped[Id]
    contact_id: Mapped[Id | None]
    instance_id: Mapped[Id | None]
    sector_id: Mapped[Id | None]
    reason: Mapped[str]
    escalation_keyword: Mapped[str | None]
    original_agent_id: Mapped[Id | None]
    escalated_to: Mapped[Id | None]
    escalation_type: Mapped[str] = mapped_column(default="user", server_default="user")
    status: Mapped[str] = mapped_column(default="pending", server_default="pending")
    priority: Mapped[str] = mapped_column(default="medium", server_default="medium")
    notes: Mapped[str | None]
    ai_summary: Mapped[str | None]
    handoff_context: Mapped[Json]
    detected_intent: Mapped[str | None]
    lead_score: Mapped[int | None]
    customer_sentiment: Mapped[str | None]
    created_by: Mapped[Id | None]
    request_key: Mapped[str | None] = mapped_column(unique=True)  # of the event that asked for it
    taken_over_at: Mapped[Time | None]  # the conversation's mode is human since
    assigned_at: Mapped[Time | None]
    assignment_method: Mapped[str | None]
    handed_over_at: Mapped[Time | None]  # the conversation is the assignee's since
    returned_at: Mapped[Time | None]  # the conversation is the AI agent's again since
    resolved_at: Mapped[Time | None]
    resolved_by: Mapped[Id | None]
    resolution_notes: Mapped[str | None]
    last_priority_boost_at: Mapped[Time | None]
    timeout_warned_at: Mapped[Time | None]
    created_at: Mapped[Created]
    updated_at: Mapped[Updated]


class DistributionConfig(Base):
    __tablename__ = "escalation_distribution_config"
    __table_args__ = (
        one_of("method", "round_robin least_load"),
        Index(
            "escalation_distribution_config_sector_id_key",
            "sector_id",
            unique=True,
            postgresql_nulls_not_distinct=True,
        ),
    )
    id: Mapped[Key]
    sector_id: Mapped[Id | None]
    method: Mapped[str]
    auto_distribute: Mapped[bool]
    max_queue_time_minutes: Mapped[int]
    priority_boost_after_minutes: Mapped[int]
    max_concurrent_per_agent: Mapped[int]


class DistributionPool(Base):
    """Whose turn it was last among the people of a pool. Its row is the lock of every distribution."""

    __tablename__ = "distribution_pools"
    name: Mapped[str] = mapped_column(primary_key=True)
    last_assigned_id: Mapped[Id | None]
    last_joined_at: Mapped[Time | None]


class Meeting(Base):
    __tablename__ = "meetings"
    __table_args__ = (
        one_of("status", "scheduled confirmed completed cancelled no_show"),
        one_of("meeting_type", "call video in_person whatsapp"),
        one_of("source", "agent ai client"),
        CheckConstraint("duration between 5 and 480", name="duration"),
        Index(None, "scheduled_at", "id"),
        Index(
            "meetings_upcoming_idx",
            "scheduled_at",
            postgresql_where=text("status in ('scheduled', 'confirmed')"),
        ),
        Index(None, "lead_id"),
        Index(None, "contact_id"),
        Index(None, "conversation_id"),
        Index(None, "created_by"),
    )
    id: Mapped[Key]
    lead_id: Mapped[Id | None]
    contact_id: Mapped[Id | None]
    conversation_id: Mapped[Id | None]
    instance_id: Mapped[Id | None]
    sector_id: Mapped[Id | None]
    title: Mapped[str]
    description: Mapped[str | None]
    scheduled_at: Mapped[Time]
    ends_at: Mapped[Time]
    duration: Mapped[int]
    booked_at: Mapped[Time]  # when its present time was chosen
    sequence: Mapped[int] = mapped_column(default=0, server_default=NONE)  # of the iCalendar file
    kept_open: Mapped[bool] = mapped_column(default=False, server_default=text("false"))  # despite its time
    location: Mapped[str | None]
    meeting_url: Mapped[str | None]
    meeting_type: Mapped[str]
    status: Mapped[str] = mapped_column(default="scheduled", server_default="scheduled")
    notes: Mapped[str | None]
    source: Mapped[str] = mapped_column(default="agent", server_default="agent")
    confirmed_at: Mapped[Time | None]
    completed_at: Mapped[Time | None]
    cancelled_at: Mapped[Time | None]
    cancellation_reason: Mapped[str | None]
    created_by: Mapped[Id | None]
    created_at: Mapped[Created]
    updated_at: Mapped[Updated]


class Attendee(Base):
    """One person's stretch of one meeting. PostgreSQL refuses a second one at the same time, unless forced.

    Without an extension, ids are compared as ranges of a single id; the migration makes that type.
    """

    __tablename__ = "meeting_attendees"
    __table_args__ = (
        ExcludeConstraint(
            (text("campaigns.uuidrange(user_id, user_id, '[]')"), "&&"),
            ("during", "&&"),
            where=text("blocking and not forced"),
            name="meeting_attendees_overlap_excl",
        ),
        Index("meeting_attendees_user_id_idx", "user_id", "meeting_id"),
        Index("meeting_attendees_busy_idx", "user_id", postgresql_where=text("blocking")),
    )
    meeting_id: Mapped[Id] = mapped_column(ForeignKey(Meeting.id, ondelete="cascade"), primary_key=True)
    user_id: Mapped[Id] = mapped_column(primary_key=True)
    position: Mapped[int]
    during: Mapped[Any] = mapped_column(TSTZRANGE)
    blocking: Mapped[bool]  # the meeting is scheduled or confirmed
    forced: Mapped[bool]


class Reminder(Base):
    __tablename__ = "meeting_reminders"
    __table_args__ = (
        one_of("kind", "24h 1h"),
        one_of("status", "claimed sent failed unknown"),
        Index(
            "meeting_reminders_meeting_kind_scheduled_key", "meeting_id", "kind", "scheduled_for", unique=True
        ),
        Index("meeting_reminders_claimed_idx", "lease_until", postgresql_where=text("status = 'claimed'")),
    )
    id: Mapped[Key]
    meeting_id: Mapped[Id] = mapped_column(ForeignKey(Meeting.id, ondelete="cascade"))
    kind: Mapped[str]
    scheduled_for: Mapped[Time]
    status: Mapped[str]
    attempts: Mapped[int]
    lease_until: Mapped[Time]
    sent_at: Mapped[Time | None]
    error: Mapped[str | None]


class Notification(Base):
    __tablename__ = "escalation_notifications"
    __table_args__ = (
        one_of(
            "type",
            "new_escalation priority_change reassignment timeout_warning meeting_reminder meeting_warning",
        ),
        Index(
            "escalation_notifications_escalation_key",
            "escalation_id",
            "user_id",
            "type",
            unique=True,
            postgresql_where=text("escalation_id is not null"),
        ),
        Index(
            "escalation_notifications_meeting_key",
            "meeting_id",
            "user_id",
            "type",
            unique=True,
            postgresql_where=text("meeting_id is not null"),
        ),
        Index("escalation_notifications_user_id_idx", "user_id", "created_at", "id"),
    )
    id: Mapped[Key]
    escalation_id: Mapped[Id | None] = mapped_column(ForeignKey(Escalation.id, ondelete="cascade"))
    meeting_id: Mapped[Id | None] = mapped_column(ForeignKey(Meeting.id, ondelete="cascade"))
    user_id: Mapped[Id]
    type: Mapped[str]
    payload: Mapped[Json]
    read_at: Mapped[Time | None]
    created_at: Mapped[Created]


class SchedulingConfig(Base):
    __tablename__ = "scheduling_config"
    __table_args__ = (
        Index(
            "scheduling_config_sector_id_key", "sector_id", unique=True, postgresql_nulls_not_distinct=True
        ),
    )
    id: Mapped[Key]
    sector_id: Mapped[Id | None]
    is_enabled: Mapped[bool]
    allow_ai_scheduling: Mapped[bool]
    default_duration_minutes: Mapped[int]
    slot_interval_minutes: Mapped[int]
    min_advance_hours: Mapped[int]
    max_advance_days: Mapped[int]
    buffer_before_minutes: Mapped[int]
    buffer_after_minutes: Mapped[int]
    reminder24h_enabled: Mapped[bool]
    reminder1h_enabled: Mapped[bool]
    reminder24h_text: Mapped[str | None]
    reminder1h_text: Mapped[str | None]
    require_confirmation: Mapped[bool]
    confirmation_message: Mapped[str | None]
    default_meeting_type: Mapped[str]


class AvailabilitySlot(Base):
    __tablename__ = "availability_slots"
    __table_args__ = (
        one_of("slot_type", "available blocked break"),
        CheckConstraint("start_time < end_time", name="hours"),
        CheckConstraint("(day_of_week is null) <> (specific_date is null)", name="day"),
        Index(None, "sector_id"),
    )
    id: Mapped[Key]
    sector_id: Mapped[Id | None]
    agent_id: Mapped[Id | None]
    day_of_week: Mapped[int | None]
    specific_date: Mapped[str | None] = mapped_column(Date)
    start_time: Mapped[str]
    end_time: Mapped[str]
    slot_type: Mapped[str]


class SchedulingIntent(Base):
    __tablename__ = "scheduling_intents"
    __table_args__ = (
        one_of("intent_type", "new_meeting reschedule cancel check_availability confirm_selection"),
        one_of("status", "pending slots_offered awaiting_confirmation confirmed expired cancelled"),
        Index(
            "scheduling_intents_open_key",
            "conversation_id",
            unique=True,
            postgresql_where=text("status in ('pending', 'slots_offered', 'awaiting_confirmation')"),
        ),
        Index("scheduling_intents_created_at_id_idx", "created_at", "id"),
        Index(None, "conversation_id"),
    )
    id: Mapped[Key]
    conversation_id: Mapped[Id]
    message_id: Mapped[Id | None]  # the message that it was last heard in
    intent_type: Mapped[str]
    confidence: Mapped[float]
    preferred_dates: Mapped[list[str]] = mapped_column(ARRAY(Date))
    time_preference: Mapped[str | None]
    meeting_purpose: Mapped[str | None]
    duration_requested: Mapped[int | None]
    offered_slots: Mapped[str] = mapped_column(JSONB, default="[]", server_default=text("'[]'"))
    round: Mapped[int] = mapped_column(default=0, server_default=NONE)  # of offers
    selected_slot_index: Mapped[int | None]
    status: Mapped[str]
    resulting_meeting_id: Mapped[Id | None]
    expires_at: Mapped[Time]
    created_at: Mapped[Created]
    updated_at: Mapped[Updated]


class WaitingConversation(Base):
    """Since when a customer has been waiting for an answer, as told by messaging's events in any order."""

    __tablename__ = "waiting_conversations"
    __table_args__ = (
        Index(
            "waiting_conversations_since_idx",
            "waiting_since",
            postgresql_where=text("waiting_since is not null"),
        ),
    )
    conversation_id: Mapped[Id] = mapped_column(primary_key=True)
    last_received_at: Mapped[Time | None]
    answered_at: Mapped[Time | None]
    waiting_since: Mapped[Time | None]


class SlaViolation(Base):
    __tablename__ = "sla_violations"
    __table_args__ = (
        one_of("violation_type", "first_response response_time resolution_time"),
        one_of("severity", "low medium high"),
        Index(
            "sla_violations_open_key",
            "conversation_id",
            "violation_type",
            unique=True,
            postgresql_where=text("ended_at is null"),
        ),
    )
    id: Mapped[Key]
    conversation_id: Mapped[Id]
    violation_type: Mapped[str]
    expected_time: Mapped[int]
    actual_time: Mapped[int]
    severity: Mapped[str]
    notification_sent: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    acknowledged_by: Mapped[Id | None]
    acknowledged_at: Mapped[Time | None]
    ended_at: Mapped[Time | None]
    created_at: Mapped[Created]
