"""The tables of meetings: who attends, reminders, and when there is time for them."""

from typing import Any

from sqlalchemy import CheckConstraint, Date, ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSTZRANGE, ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column

from services.campaigns.models import NONE, Base, one_of
from services.kit.tables import Created, Id, Key, Time, Updated


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
