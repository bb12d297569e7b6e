"""The tables of escalations: their distribution, who waits, and who is told."""

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from services.campaigns.meeting_models import Meeting
from services.campaigns.models import Base, one_of
from services.kit.tables import Created, Id, Json, Key, Time, Updated


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
