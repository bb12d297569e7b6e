"""campaigns escalations meetings"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Without the btree_gist extension, "the same person" is "overlapping ranges of one id".
    op.execute("create type campaigns.uuidrange as range (subtype = uuid)")
    op.create_table(
        "availability_slots",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("sector_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("agent_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("day_of_week", sa.Integer(), nullable=True),
        sa.Column("specific_date", sa.Date(), nullable=True),
        sa.Column("start_time", sa.Text(), nullable=False),
        sa.Column("end_time", sa.Text(), nullable=False),
        sa.Column("slot_type", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "slot_type in ('available', 'blocked', 'break')", name=op.f("availability_slots_slot_type_check")
        ),
        sa.CheckConstraint(
            "(day_of_week is null) <> (specific_date is null)", name=op.f("availability_slots_day_check")
        ),
        sa.CheckConstraint("start_time < end_time", name=op.f("availability_slots_hours_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("availability_slots_pkey")),
        schema="campaigns",
    )
    op.create_index(
        op.f("availability_slots_sector_id_idx"),
        "availability_slots",
        ["sector_id"],
        unique=False,
        schema="campaigns",
    )
    op.create_table(
        "campaigns",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("message_template", sa.Text(), nullable=False),
        sa.Column("media_url", sa.Text(), nullable=True),
        sa.Column("media_type", sa.Text(), nullable=True),
        sa.Column("target_audience", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("quiet_from", sa.Text(), nullable=True),
        sa.Column("quiet_to", sa.Text(), nullable=True),
        sa.Column("scheduled_at", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=True),
        sa.Column("instance_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("author_name", sa.Text(), nullable=True),
        sa.Column("started_at", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=True),
        sa.Column("audience_cursor", sa.Text(), nullable=True),
        sa.Column("frozen_at", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=True),
        sa.Column("time_zones", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("completed_at", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=True),
        sa.Column("cancelled_at", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=True),
        sa.Column("stalled_since", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=True),
        sa.Column("stall_told_at", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=True),
        sa.Column("failure_reason", sa.Text(), nullable=True),
        sa.Column("failure_streak", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("total_recipients", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("pending_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("queued_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("sent_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("delivered_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("read_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("failed_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("unknown_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("cancelled_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=False),
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
        sa.CheckConstraint(
            "media_type in ('image', 'video', 'document', 'audio')", name=op.f("campaigns_media_type_check")
        ),
        sa.CheckConstraint(
            "status <> 'scheduled' or scheduled_at is not null", name=op.f("campaigns_schedule_check")
        ),
        sa.CheckConstraint(
            "status in ('draft', 'scheduled', 'sending', 'paused', 'completed', 'cancelled', 'failed')",
            name=op.f("campaigns_status_check"),
        ),
        sa.CheckConstraint("(media_url is null) = (media_type is null)", name=op.f("campaigns_media_check")),
        sa.CheckConstraint(
            "(quiet_from is null) = (quiet_to is null)", name=op.f("campaigns_quiet_hours_check")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("campaigns_pkey")),
        schema="campaigns",
    )
    op.create_index(
        "campaigns_at_work_idx",
        "campaigns",
        ["id"],
        unique=False,
        schema="campaigns",
        postgresql_where=sa.text("status = 'sending' or queued_count + pending_count > 0"),
    )
    op.create_index(
        op.f("campaigns_created_at_id_idx"),
        "campaigns",
        ["created_at", "id"],
        unique=False,
        schema="campaigns",
    )
    op.create_index(
        "campaigns_due_idx",
        "campaigns",
        ["scheduled_at"],
        unique=False,
        schema="campaigns",
        postgresql_where=sa.text("status = 'scheduled'"),
    )
    op.create_index(
        op.f("campaigns_instance_id_idx"), "campaigns", ["instance_id"], unique=False, schema="campaigns"
    )
    op.create_table(
        "distribution_pools",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("last_assigned_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("last_joined_at", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("distribution_pools_pkey")),
        schema="campaigns",
    )
    op.create_table(
        "escalation_distribution_config",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("sector_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("auto_distribute", sa.Boolean(), nullable=False),
        sa.Column("max_queue_time_minutes", sa.Integer(), nullable=False),
        sa.Column("priority_boost_after_minutes", sa.Integer(), nullable=False),
        sa.Column("max_concurrent_per_agent", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "method in ('round_robin', 'least_load')",
            name=op.f("escalation_distribution_config_method_check"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("escalation_distribution_config_pkey")),
        schema="campaigns",
    )
    op.create_index(
        "escalation_distribution_config_sector_id_key",
        "escalation_distribution_config",
        ["sector_id"],
        unique=True,
        schema="campaigns",
        postgresql_nulls_not_distinct=True,
    )
    op.create_table(
        "escalations",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("conversation_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("contact_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("instance_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("sector_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("escalation_keyword", sa.Text(), nullable=True),
        sa.Column("original_agent_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("escalated_to", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("escalation_type", sa.Text(), server_default="user", nullable=False),
        sa.Column("status", sa.Text(), server_default="pending", nullable=False),
        sa.Column("priority", sa.Text(), server_default="medium", nullable=False),
        sa.Column("notes", sa.Text(), nullable=True),
        sa.Column("ai_summary", sa.Text(), nullable=True),
        sa.Column(
            "handoff_context",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column("detected_intent", sa.Text(), nullable=True),
        sa.Column("lead_score", sa.Integer(), nullable=True),
        sa.Column("customer_sentiment", sa.Text(), nullable=True),
        sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("request_key", sa.Text(), nullable=True),
        sa.Column("taken_over_at", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=True),
        sa.Column("assigned_at", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=True),
        sa.Column("assignment_method", sa.Text(), nullable=True),
        sa.Column("handed_over_at", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=True),
        sa.Column("returned_at", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=True),
        sa.Column("resolved_at", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=True),
        sa.Column("resolved_by", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("resolution_notes", sa.Text(), nullable=True),
        sa.Column("last_priority_boost_at", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=True),
        sa.Column("timeout_warned_at", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=True),
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
        sa.CheckConstraint(
            "escalation_type in ('user', 'team', 'supervisor')",
            name=op.f("escalations_escalation_type_check"),
        ),
        sa.CheckConstraint(
            "priority in ('low', 'medium', 'high', 'urgent')", name=op.f("escalations_priority_check")
        ),
        sa.CheckConstraint(
            "status <> 'assigned' or escalated_to is not null", name=op.f("escalations_assignee_check")
        ),
        sa.CheckConstraint(
            "status in ('pending', 'assigned', 'resolved', 'abandoned', 'expired')",
            name=op.f("escalations_status_check"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("escalations_pkey")),
        sa.UniqueConstraint("request_key", name=op.f("escalations_request_key_key")),
        schema="campaigns",
    )
    op.create_index(
        "escalations_active_key",
        "escalations",
        ["conversation_id"],
        unique=True,
        schema="campaigns",
        postgresql_where=sa.text("status in ('pending', 'assigned')"),
    )
    op.create_index(
        op.f("escalations_conversation_id_idx"),
        "escalations",
        ["conversation_id"],
        unique=False,
        schema="campaigns",
    )
    op.create_index(
        op.f("escalations_created_at_id_idx"),
        "escalations",
        ["created_at", "id"],
        unique=False,
        schema="campaigns",
    )
    op.create_index(
        "escalations_load_idx",
        "escalations",
        ["escalated_to"],
        unique=False,
        schema="campaigns",
        postgresql_where=sa.text("status = 'assigned'"),
    )
    op.create_index(
        "escalations_queue_idx",
        "escalations",
        ["status", "priority", "created_at"],
        unique=False,
        schema="campaigns",
    )
    op.create_index(
        "escalations_turn_idx",
        "escalations",
        ["escalated_to", "assigned_at"],
        unique=False,
        schema="campaigns",
    )
    op.create_table(
        "instance_days",
        sa.Column("instance_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("handed", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("instance_id", "day", name=op.f("instance_days_pkey")),
        schema="campaigns",
    )
    op.create_table(
        "instance_pacing",
        sa.Column("instance_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("daily_cap", sa.Integer(), nullable=True),
        sa.Column("warm_up_from", sa.Date(), nullable=True),
        sa.Column(
            "updated_at",
            postgresql.TIMESTAMP(timezone=True, precision=3),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("instance_id", name=op.f("instance_pacing_pkey")),
        schema="campaigns",
    )
    op.create_table(
        "meetings",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("lead_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("contact_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("conversation_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("instance_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("sector_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("scheduled_at", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=False),
        sa.Column("ends_at", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=False),
        sa.Column("duration", sa.Integer(), nullable=False),
        sa.Column("booked_at", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=False),
        sa.Column("sequence", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("kept_open", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("location", sa.Text(), nullable=True),
        sa.Column("meeting_url", sa.Text(), nullable=True),
        sa.Column("meeting_type", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default="scheduled", nullable=False),
        sa.Column("notes", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), server_default="agent", nullable=False),
        sa.Column("confirmed_at", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=True),
        sa.Column("completed_at", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=True),
        sa.Column("cancelled_at", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=True),
        sa.Column("cancellation_reason", sa.Text(), nullable=True),
        sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
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
        sa.CheckConstraint(
            "meeting_type in ('call', 'video', 'in_person', 'whatsapp')",
            name=op.f("meetings_meeting_type_check"),
        ),
        sa.CheckConstraint("source in ('agent', 'ai', 'client')", name=op.f("meetings_source_check")),
        sa.CheckConstraint(
            "status in ('scheduled', 'confirmed', 'completed', 'cancelled', 'no_show')",
            name=op.f("meetings_status_check"),
        ),
        sa.CheckConstraint("duration between 5 and 480", name=op.f("meetings_duration_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("meetings_pkey")),
        schema="campaigns",
    )
    op.create_index(
        op.f("meetings_contact_id_idx"), "meetings", ["contact_id"], unique=False, schema="campaigns"
    )
    op.create_index(
        op.f("meetings_conversation_id_idx"),
        "meetings",
        ["conversation_id"],
        unique=False,
        schema="campaigns",
    )
    op.create_index(
        op.f("meetings_created_by_idx"), "meetings", ["created_by"], unique=False, schema="campaigns"
    )
    op.create_index(op.f("meetings_lead_id_idx"), "meetings", ["lead_id"], unique=False, schema="campaigns")
    op.create_index(
        op.f("meetings_scheduled_at_id_idx"),
        "meetings",
        ["scheduled_at", "id"],
        unique=False,
        schema="campaigns",
    )
    op.create_index(
        "meetings_upcoming_idx",
        "meetings",
        ["scheduled_at"],
        unique=False,
        schema="campaigns",
        postgresql_where=sa.text("status in ('scheduled', 'confirmed')"),
    )
    op.create_table(
        "scheduling_config",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("sector_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("is_enabled", sa.Boolean(), nullable=False),
        sa.Column("allow_ai_scheduling", sa.Boolean(), nullable=False),
        sa.Column("default_duration_minutes", sa.Integer(), nullable=False),
        sa.Column("slot_interval_minutes", sa.Integer(), nullable=False),
        sa.Column("min_advance_hours", sa.Integer(), nullable=False),
        sa.Column("max_advance_days", sa.Integer(), nullable=False),
        sa.Column("buffer_before_minutes", sa.Integer(), nullable=False),
        sa.Column("buffer_after_minutes", sa.Integer(), nullable=False),
        sa.Column("reminder24h_enabled", sa.Boolean(), nullable=False),
        sa.Column("reminder1h_enabled", sa.Boolean(), nullable=False),
        sa.Column("reminder24h_text", sa.Text(), nullable=True),
        sa.Column("reminder1h_text", sa.Text(), nullable=True),
        sa.Column("require_confirmation", sa.Boolean(), nullable=False),
        sa.Column("confirmation_message", sa.Text(), nullable=True),
        sa.Column("default_meeting_type", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("scheduling_config_pkey")),
        schema="campaigns",
    )
    op.create_index(
        "scheduling_config_sector_id_key",
        "scheduling_config",
        ["sector_id"],
        unique=True,
        schema="campaigns",
        postgresql_nulls_not_distinct=True,
    )
    op.create_table(
        "scheduling_intents",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("conversation_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("message_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("intent_type", sa.Text(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("preferred_dates", postgresql.ARRAY(sa.Date()), nullable=False),
        sa.Column("time_preference", sa.Text(), nullable=True),
        sa.Column("meeting_purpose", sa.Text(), nullable=True),
        sa.Column("duration_requested", sa.Integer(), nullable=True),
        sa.Column(
            "offered_slots",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'"),
            nullable=False,
        ),
        sa.Column("round", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("selected_slot_index", sa.Integer(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("resulting_meeting_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("expires_at", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=False),
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
        sa.CheckConstraint(
            "intent_type in ('new_meeting', 'reschedule', 'cancel', 'check_availability', 'confirm_selection')",
            name=op.f("scheduling_intents_intent_type_check"),
        ),
        sa.CheckConstraint(
            "status in ('pending', 'slots_offered', 'awaiting_confirmation', 'confirmed', 'expired', 'cancelled')",
            name=op.f("scheduling_intents_status_check"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("scheduling_intents_pkey")),
        schema="campaigns",
    )
    op.create_index(
        op.f("scheduling_intents_conversation_id_idx"),
        "scheduling_intents",
        ["conversation_id"],
        unique=False,
        schema="campaigns",
    )
    op.create_index(
        "scheduling_intents_created_at_id_idx",
        "scheduling_intents",
        ["created_at", "id"],
        unique=False,
        schema="campaigns",
    )
    op.create_index(
        "scheduling_intents_open_key",
        "scheduling_intents",
        ["conversation_id"],
        unique=True,
        schema="campaigns",
        postgresql_where=sa.text("status in ('pending', 'slots_offered', 'awaiting_confirmation')"),
    )
    op.create_table(
        "sla_violations",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("conversation_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("violation_type", sa.Text(), nullable=False),
        sa.Column("expected_time", sa.Integer(), nullable=False),
        sa.Column("actual_time", sa.Integer(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("notification_sent", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("acknowledged_by", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("acknowledged_at", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=True),
        sa.Column("ended_at", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=True),
        sa.Column(
            "created_at",
            postgresql.TIMESTAMP(timezone=True, precision=3),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "severity in ('low', 'medium', 'high')", name=op.f("sla_violations_severity_check")
        ),
        sa.CheckConstraint(
            "violation_type in ('first_response', 'response_time', 'resolution_time')",
            name=op.f("sla_violations_violation_type_check"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("sla_violations_pkey")),
        schema="campaigns",
    )
    op.create_index(
        "sla_violations_open_key",
        "sla_violations",
        ["conversation_id", "violation_type"],
        unique=True,
        schema="campaigns",
        postgresql_where=sa.text("ended_at is null"),
    )
    op.create_table(
        "waiting_conversations",
        sa.Column("conversation_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("last_received_at", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=True),
        sa.Column("answered_at", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=True),
        sa.Column("waiting_since", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=True),
        sa.PrimaryKeyConstraint("conversation_id", name=op.f("waiting_conversations_pkey")),
        schema="campaigns",
    )
    op.create_index(
        "waiting_conversations_since_idx",
        "waiting_conversations",
        ["waiting_since"],
        unique=False,
        schema="campaigns",
        postgresql_where=sa.text("waiting_since is not null"),
    )
    op.create_table(
        "campaign_messages",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("campaign_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("contact_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("contact_name", sa.Text(), nullable=True),
        sa.Column("phone_number", sa.Text(), nullable=False),
        sa.Column("time_zone", sa.Text(), server_default="", nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("rendered_content", sa.Text(), nullable=True),
        sa.Column("handed_at", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=True),
        sa.Column("handed_on", sa.Date(), nullable=True),
        sa.Column("message_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("whatsapp_message_id", sa.Text(), nullable=True),
        sa.Column("sent_at", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=True),
        sa.Column("delivered_at", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=True),
        sa.Column("read_at", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column(
            "created_at",
            postgresql.TIMESTAMP(timezone=True, precision=3),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "status in ('pending', 'queued', 'sent', 'delivered', 'read', 'failed', 'unknown', 'cancelled')",
            name=op.f("campaign_messages_status_check"),
        ),
        sa.ForeignKeyConstraint(
            ["campaign_id"],
            ["campaigns.campaigns.id"],
            name=op.f("campaign_messages_campaign_id_fkey"),
            ondelete="cascade",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("campaign_messages_pkey")),
        schema="campaigns",
    )
    op.create_index(
        "campaign_messages_contact_key",
        "campaign_messages",
        ["campaign_id", "contact_id"],
        unique=True,
        schema="campaigns",
    )
    op.create_index(
        "campaign_messages_next_idx",
        "campaign_messages",
        ["campaign_id", "time_zone", "id"],
        unique=False,
        schema="campaigns",
        postgresql_where=sa.text("status = 'pending'"),
    )
    op.create_index(
        "campaign_messages_open_idx",
        "campaign_messages",
        ["contact_id"],
        unique=False,
        schema="campaigns",
        postgresql_where=sa.text("status = 'pending'"),
    )
    op.create_index(
        "campaign_messages_phone_key",
        "campaign_messages",
        ["campaign_id", "phone_number"],
        unique=True,
        schema="campaigns",
    )
    op.create_index(
        "campaign_messages_status_idx",
        "campaign_messages",
        ["campaign_id", "status", "contact_id"],
        unique=False,
        schema="campaigns",
    )
    op.create_index(
        "campaign_messages_whatsapp_idx",
        "campaign_messages",
        ["whatsapp_message_id"],
        unique=False,
        schema="campaigns",
        postgresql_where=sa.text("whatsapp_message_id is not null"),
    )
    op.create_table(
        "escalation_notifications",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("escalation_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("meeting_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("user_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column(
            "payload", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column("read_at", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=True),
        sa.Column(
            "created_at",
            postgresql.TIMESTAMP(timezone=True, precision=3),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "type in ('new_escalation', 'priority_change', 'reassignment', 'timeout_warning', 'meeting_reminder', 'meeting_warning')",
            name=op.f("escalation_notifications_type_check"),
        ),
        sa.ForeignKeyConstraint(
            ["escalation_id"],
            ["campaigns.escalations.id"],
            name=op.f("escalation_notifications_escalation_id_fkey"),
            ondelete="cascade",
        ),
        sa.ForeignKeyConstraint(
            ["meeting_id"],
            ["campaigns.meetings.id"],
            name=op.f("escalation_notifications_meeting_id_fkey"),
            ondelete="cascade",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("escalation_notifications_pkey")),
        schema="campaigns",
    )
    op.create_index(
        "escalation_notifications_escalation_key",
        "escalation_notifications",
        ["escalation_id", "user_id", "type"],
        unique=True,
        schema="campaigns",
        postgresql_where=sa.text("escalation_id is not null"),
    )
    op.create_index(
        "escalation_notifications_meeting_key",
        "escalation_notifications",
        ["meeting_id", "user_id", "type"],
        unique=True,
        schema="campaigns",
        postgresql_where=sa.text("meeting_id is not null"),
    )
    op.create_index(
        "escalation_notifications_user_id_idx",
        "escalation_notifications",
        ["user_id", "created_at", "id"],
        unique=False,
        schema="campaigns",
    )
    op.create_table(
        "meeting_attendees",
        sa.Column("meeting_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("user_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("during", postgresql.TSTZRANGE(), nullable=False),
        sa.Column("blocking", sa.Boolean(), nullable=False),
        sa.Column("forced", sa.Boolean(), nullable=False),
        postgresql.ExcludeConstraint(
            (sa.text("campaigns.uuidrange(user_id, user_id, '[]')"), "&&"),
            (sa.column("during"), "&&"),
            where=sa.text("blocking and not forced"),
            using="gist",
            name="meeting_attendees_overlap_excl",
        ),
        sa.ForeignKeyConstraint(
            ["meeting_id"],
            ["campaigns.meetings.id"],
            name=op.f("meeting_attendees_meeting_id_fkey"),
            ondelete="cascade",
        ),
        sa.PrimaryKeyConstraint("meeting_id", "user_id", name=op.f("meeting_attendees_pkey")),
        schema="campaigns",
    )
    op.create_index(
        "meeting_attendees_busy_idx",
        "meeting_attendees",
        ["user_id"],
        unique=False,
        schema="campaigns",
        postgresql_where=sa.text("blocking"),
    )
    op.create_index(
        "meeting_attendees_user_id_idx",
        "meeting_attendees",
        ["user_id", "meeting_id"],
        unique=False,
        schema="campaigns",
    )
    op.create_table(
        "meeting_reminders",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("meeting_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("scheduled_for", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease_until", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=False),
        sa.Column("sent_at", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.CheckConstraint("kind in ('24h', '1h')", name=op.f("meeting_reminders_kind_check")),
        sa.CheckConstraint(
            "status in ('claimed', 'sent', 'failed', 'unknown')", name=op.f("meeting_reminders_status_check")
        ),
        sa.ForeignKeyConstraint(
            ["meeting_id"],
            ["campaigns.meetings.id"],
            name=op.f("meeting_reminders_meeting_id_fkey"),
            ondelete="cascade",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("meeting_reminders_pkey")),
        schema="campaigns",
    )
    op.create_index(
        "meeting_reminders_claimed_idx",
        "meeting_reminders",
        ["lease_until"],
        unique=False,
        schema="campaigns",
        postgresql_where=sa.text("status = 'claimed'"),
    )
    op.create_index(
        "meeting_reminders_meeting_kind_scheduled_key",
        "meeting_reminders",
        ["meeting_id", "kind", "scheduled_for"],
        unique=True,
        schema="campaigns",
    )


def downgrade() -> None:
    op.drop_index(
        "meeting_reminders_meeting_kind_scheduled_key", table_name="meeting_reminders", schema="campaigns"
    )
    op.drop_index(
        "meeting_reminders_claimed_idx",
        table_name="meeting_reminders",
        schema="campaigns",
        postgresql_where=sa.text("status = 'claimed'"),
    )
    op.drop_table("meeting_reminders", schema="campaigns")
    op.drop_index("meeting_attendees_user_id_idx", table_name="meeting_attendees", schema="campaigns")
    op.drop_index(
        "meeting_attendees_busy_idx",
        table_name="meeting_attendees",
        schema="campaigns",
        postgresql_where=sa.text("blocking"),
    )
    op.drop_table("meeting_attendees", schema="campaigns")
    op.drop_index(
        "escalation_notifications_user_id_idx", table_name="escalation_notifications", schema="campaigns"
    )
    op.drop_index(
        "escalation_notifications_meeting_key",
        table_name="escalation_notifications",
        schema="campaigns",
        postgresql_where=sa.text("meeting_id is not null"),
    )
    op.drop_index(
        "escalation_notifications_escalation_key",
        table_name="escalation_notifications",
        schema="campaigns",
        postgresql_where=sa.text("escalation_id is not null"),
    )
    op.drop_table("escalation_notifications", schema="campaigns")
    op.drop_index(
        "campaign_messages_whatsapp_idx",
        table_name="campaign_messages",
        schema="campaigns",
        postgresql_where=sa.text("whatsapp_message_id is not null"),
    )
    op.drop_index("campaign_messages_status_idx", table_name="campaign_messages", schema="campaigns")
    op.drop_index("campaign_messages_phone_key", table_name="campaign_messages", schema="campaigns")
    op.drop_index(
        "campaign_messages_open_idx",
        table_name="campaign_messages",
        schema="campaigns",
        postgresql_where=sa.text("status = 'pending'"),
    )
    op.drop_index(
        "campaign_messages_next_idx",
        table_name="campaign_messages",
        schema="campaigns",
        postgresql_where=sa.text("status = 'pending'"),
    )
    op.drop_index("campaign_messages_contact_key", table_name="campaign_messages", schema="campaigns")
    op.drop_table("campaign_messages", schema="campaigns")
    op.drop_index(
        "waiting_conversations_since_idx",
        table_name="waiting_conversations",
        schema="campaigns",
        postgresql_where=sa.text("waiting_since is not null"),
    )
    op.drop_table("waiting_conversations", schema="campaigns")
    op.drop_index(
        "sla_violations_open_key",
        table_name="sla_violations",
        schema="campaigns",
        postgresql_where=sa.text("ended_at is null"),
    )
    op.drop_table("sla_violations", schema="campaigns")
    op.drop_index(
        "scheduling_intents_open_key",
        table_name="scheduling_intents",
        schema="campaigns",
        postgresql_where=sa.text("status in ('pending', 'slots_offered', 'awaiting_confirmation')"),
    )
    op.drop_index("scheduling_intents_created_at_id_idx", table_name="scheduling_intents", schema="campaigns")
    op.drop_index(
        op.f("scheduling_intents_conversation_id_idx"), table_name="scheduling_intents", schema="campaigns"
    )
    op.drop_table("scheduling_intents", schema="campaigns")
    op.drop_index(
        "scheduling_config_sector_id_key",
        table_name="scheduling_config",
        schema="campaigns",
        postgresql_nulls_not_distinct=True,
    )
    op.drop_table("scheduling_config", schema="campaigns")
    op.drop_index(
        "meetings_upcoming_idx",
        table_name="meetings",
        schema="campaigns",
        postgresql_where=sa.text("status in ('scheduled', 'confirmed')"),
    )
    op.drop_index(op.f("meetings_scheduled_at_id_idx"), table_name="meetings", schema="campaigns")
    op.drop_index(op.f("meetings_lead_id_idx"), table_name="meetings", schema="campaigns")
    op.drop_index(op.f("meetings_created_by_idx"), table_name="meetings", schema="campaigns")
    op.drop_index(op.f("meetings_conversation_id_idx"), table_name="meetings", schema="campaigns")
    op.drop_index(op.f("meetings_contact_id_idx"), table_name="meetings", schema="campaigns")
    op.drop_table("meetings", schema="campaigns")
    op.drop_table("instance_pacing", schema="campaigns")
    op.drop_table("instance_days", schema="campaigns")
    op.drop_index("escalations_turn_idx", table_name="escalations", schema="campaigns")
    op.drop_index("escalations_queue_idx", table_name="escalations", schema="campaigns")
    op.drop_index(
        "escalations_load_idx",
        table_name="escalations",
        schema="campaigns",
        postgresql_where=sa.text("status = 'assigned'"),
    )
    op.drop_index(op.f("escalations_created_at_id_idx"), table_name="escalations", schema="campaigns")
    op.drop_index(op.f("escalations_conversation_id_idx"), table_name="escalations", schema="campaigns")
    op.drop_index(
        "escalations_active_key",
        table_name="escalations",
        schema="campaigns",
        postgresql_where=sa.text("status in ('pending', 'assigned')"),
    )
    op.drop_table("escalations", schema="campaigns")
    op.drop_index(
        "escalation_distribution_config_sector_id_key",
        table_name="escalation_distribution_config",
        schema="campaigns",
        postgresql_nulls_not_distinct=True,
    )
    op.drop_table("escalation_distribution_config", schema="campaigns")
    op.drop_table("distribution_pools", schema="campaigns")
    op.drop_index(op.f("campaigns_instance_id_idx"), table_name="campaigns", schema="campaigns")
    op.drop_index(
        "campaigns_due_idx",
        table_name="campaigns",
        schema="campaigns",
        postgresql_where=sa.text("status = 'scheduled'"),
    )
    op.drop_index(op.f("campaigns_created_at_id_idx"), table_name="campaigns", schema="campaigns")
    op.drop_index(
        "campaigns_at_work_idx",
        table_name="campaigns",
        schema="campaigns",
        postgresql_where=sa.text("status = 'sending' or queued_count + pending_count > 0"),
    )
    op.drop_table("campaigns", schema="campaigns")
    op.drop_index(
        op.f("availability_slots_sector_id_idx"), table_name="availability_slots", schema="campaigns"
    )
    op.drop_table("availability_slots", schema="campaigns")
    op.execute("drop type campaigns.uuidrange")
