"""leads"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

COUNT_LEAD = """
    create function sales.count_lead() returns trigger language plpgsql as $$
    begin
        insert into sales.lead_totals as total
            (assigned_to, status, source, sector_id, leads, value, weighted)
        select assigned_to, status, source, sector_id, sum(sign), sum(sign * value),
            sum(sign * value * case when status in ('won', 'lost') then 0 else probability end / 100)
        from (
            select -1 as sign, old.assigned_to, old.status, old.source, old.sector_id, old.value, old.probability
            where tg_op <> 'INSERT'
            union all
            select 1, new.assigned_to, new.status, new.source, new.sector_id, new.value, new.probability
            where tg_op <> 'DELETE'
        ) as change
        group by assigned_to, status, source, sector_id
        -- Always in this order: two leads that swap places must not wait for each other.
        order by assigned_to, status, source, sector_id
        on conflict (assigned_to, status, source, sector_id) do update set
            leads = total.leads + excluded.leads,
            value = total.value + excluded.value,
            weighted = total.weighted + excluded.weighted;
        return null;
    end
    $$
"""
COUNTING = """
    create trigger count_lead
    after insert or delete or update of assigned_to, status, source, sector_id, value, probability
    on sales.leads for each row execute function sales.count_lead()
"""
FOR_EVERYONE = """
    insert into sales.lead_qualification_criteria
        (id, budget_keywords, authority_keywords, need_keywords, timeline_keywords)
    values (
        gen_random_uuid(),
        '{orçamento,valor,quanto custa,preço,investimento,custo}',
        '{gerente,diretor,decisor,responsável,dono,proprietário,CEO}',
        '{preciso,necessito,urgente,problema,dificuldade,quero,busco}',
        '{agora,hoje,esta semana,urgente,prazo,imediato,rápido}'
    )
"""


def upgrade() -> None:
    op.create_table(
        "conversation_qualification_state",
        sa.Column("conversation_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("contact_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("sector_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("messages_since_qualification", sa.Integer(), server_default="0", nullable=False),
        sa.Column("last_qualification_at", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=True),
        sa.Column("last_score", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("conversation_id", name=op.f("conversation_qualification_state_pkey")),
        schema="sales",
    )
    op.create_table(
        "lead_qualification_criteria",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("sector_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("budget_keywords", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("authority_keywords", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("need_keywords", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("timeline_keywords", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("budget_weight", sa.Integer(), server_default="25", nullable=False),
        sa.Column("authority_weight", sa.Integer(), server_default="25", nullable=False),
        sa.Column("need_weight", sa.Integer(), server_default="30", nullable=False),
        sa.Column("timeline_weight", sa.Integer(), server_default="20", nullable=False),
        sa.Column("auto_qualify_threshold", sa.Integer(), server_default="70", nullable=False),
        sa.Column("auto_create_lead_threshold", sa.Integer(), server_default="30", nullable=False),
        sa.Column("auto_create_leads", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("qualification_enabled", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("messages_before_qualification", sa.Integer(), server_default="5", nullable=False),
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
            "auto_create_lead_threshold between 0 and 100",
            name=op.f("lead_qualification_criteria_auto_create_lead_threshold_check"),
        ),
        sa.CheckConstraint(
            "auto_qualify_threshold between 0 and 100",
            name=op.f("lead_qualification_criteria_auto_qualify_threshold_check"),
        ),
        sa.CheckConstraint(
            "budget_weight + authority_weight + need_weight + timeline_weight = 100",
            name=op.f("lead_qualification_criteria_weights_check"),
        ),
        sa.CheckConstraint(
            "least(budget_weight, authority_weight, need_weight, timeline_weight) >= 0",
            name=op.f("lead_qualification_criteria_no_negative_weight_check"),
        ),
        sa.CheckConstraint(
            "messages_before_qualification > 0",
            name=op.f("lead_qualification_criteria_messages_before_qualification_check"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("lead_qualification_criteria_pkey")),
        sa.UniqueConstraint(
            "sector_id",
            name=op.f("lead_qualification_criteria_sector_id_key"),
            postgresql_nulls_not_distinct=True,
        ),
        schema="sales",
    )
    op.create_table(
        "lead_totals",
        sa.Column("id", sa.Uuid(as_uuid=False), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("assigned_to", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("sector_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("leads", sa.Integer(), nullable=False),
        sa.Column("value", sa.Numeric(precision=20, scale=2), nullable=False),
        sa.Column("weighted", sa.Numeric(precision=22, scale=4), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("lead_totals_pkey")),
        sa.UniqueConstraint(
            "assigned_to",
            "status",
            "source",
            "sector_id",
            name="lead_totals_key",
            postgresql_nulls_not_distinct=True,
        ),
        schema="sales",
    )
    op.create_table(
        "leads",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("contact_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("conversation_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("sector_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_key", sa.Text(collation="C"), nullable=False),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("company", sa.Text(), nullable=True),
        sa.Column("words", postgresql.TSVECTOR(), nullable=False),
        sa.Column("status", sa.Text(), server_default="new", nullable=False),
        sa.Column("source", sa.Text(), server_default="whatsapp", nullable=False),
        sa.Column("value", sa.Numeric(precision=12, scale=2), server_default="0", nullable=False),
        sa.Column("probability", sa.Integer(), server_default="0", nullable=False),
        sa.Column("expected_close_date", sa.Date(), nullable=True),
        sa.Column("assigned_to", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("owner_inactive", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("notes", sa.Text(), nullable=True),
        sa.Column("tags", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column(
            "metadata",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column(
            "pipeline_insight",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column("lead_score", sa.Integer(), server_default="0", nullable=False),
        sa.Column(
            "bant_budget",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column(
            "bant_authority",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column(
            "bant_need",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column(
            "bant_timeline",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column(
            "qualification_data",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column("qualified_at", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=True),
        sa.Column("qualified_by", sa.Text(), nullable=True),
        sa.Column("last_qualification_at", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=True),
        sa.Column("closed_at", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
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
            "source in ('whatsapp', 'website', 'referral', 'ads', 'organic', 'other')",
            name=op.f("leads_source_check"),
        ),
        sa.CheckConstraint(
            "status in ('new', 'contacted', 'qualified', 'proposal', 'negotiation', 'won', 'lost')",
            name=op.f("leads_status_check"),
        ),
        sa.CheckConstraint("lead_score between 0 and 100", name=op.f("leads_lead_score_check")),
        sa.CheckConstraint("probability between 0 and 100", name=op.f("leads_probability_check")),
        sa.CheckConstraint("value >= 0", name=op.f("leads_value_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("leads_pkey")),
        schema="sales",
    )
    op.create_index(
        "leads_assigned_to_created_at_idx",
        "leads",
        ["assigned_to", "created_at", "id"],
        unique=False,
        schema="sales",
    )
    op.create_index(
        "leads_closing_idx",
        "leads",
        [sa.literal_column("coalesce(expected_close_date, 'infinity')"), "id"],
        unique=False,
        schema="sales",
    )
    op.create_index("leads_contact_id_idx", "leads", ["contact_id"], unique=False, schema="sales")
    op.create_index("leads_conversation_id_idx", "leads", ["conversation_id"], unique=False, schema="sales")
    op.create_index("leads_created_at_idx", "leads", ["created_at", "id"], unique=False, schema="sales")
    op.create_index("leads_lead_score_idx", "leads", ["lead_score", "id"], unique=False, schema="sales")
    op.create_index("leads_name_key_idx", "leads", ["name_key", "id"], unique=False, schema="sales")
    op.create_index(
        "leads_one_open_per_conversation_key",
        "leads",
        ["conversation_id"],
        unique=True,
        schema="sales",
        postgresql_where=sa.text("status not in ('won', 'lost')"),
    )
    op.create_index(
        "leads_status_created_at_idx", "leads", ["status", "created_at", "id"], unique=False, schema="sales"
    )
    op.create_index("leads_tags_idx", "leads", ["tags"], unique=False, schema="sales", postgresql_using="gin")
    op.create_index("leads_updated_at_idx", "leads", ["updated_at", "id"], unique=False, schema="sales")
    op.create_index("leads_value_idx", "leads", ["value", "id"], unique=False, schema="sales")
    op.create_index(
        "leads_words_idx", "leads", ["words"], unique=False, schema="sales", postgresql_using="gin"
    )
    op.create_table(
        "sales_targets",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("user_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("period_start", sa.Date(), nullable=False),
        sa.Column("period_end", sa.Date(), nullable=False),
        sa.Column("target_value", sa.Numeric(precision=12, scale=2), nullable=False),
        sa.Column("target_leads", sa.Integer(), nullable=True),
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
        sa.CheckConstraint("period_end >= period_start", name=op.f("sales_targets_period_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("sales_targets_pkey")),
        schema="sales",
    )
    op.create_index("sales_targets_user_id_idx", "sales_targets", ["user_id"], unique=False, schema="sales")
    op.create_table(
        "lead_activities",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("lead_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("user_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("activity_type", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("scheduled_for", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=True),
        sa.Column("completed_at", postgresql.TIMESTAMP(timezone=True, precision=3), nullable=True),
        sa.Column("old_value", sa.Text(), nullable=True),
        sa.Column("new_value", sa.Text(), nullable=True),
        sa.Column(
            "metadata",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column(
            "created_at",
            postgresql.TIMESTAMP(timezone=True, precision=3),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["lead_id"], ["sales.leads.id"], name=op.f("lead_activities_lead_id_fkey"), ondelete="cascade"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("lead_activities_pkey")),
        schema="sales",
    )
    op.create_index(
        "lead_activities_lead_id_created_at_idx",
        "lead_activities",
        ["lead_id", "created_at", "id"],
        unique=False,
        schema="sales",
    )
    op.create_index(
        "lead_activities_scheduled_for_idx",
        "lead_activities",
        ["scheduled_for"],
        unique=False,
        schema="sales",
        postgresql_where=sa.text("completed_at is null"),
    )
    op.create_table(
        "lead_qualification_logs",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("lead_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("conversation_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("trigger_message_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("previous_score", sa.Integer(), nullable=True),
        sa.Column("new_score", sa.Integer(), nullable=False),
        sa.Column(
            "score_change",
            sa.Integer(),
            sa.Computed("new_score - coalesce(previous_score, 0)", persisted=True),
            nullable=False,
        ),
        sa.Column("bant_analysis", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("ai_reasoning", sa.Text(), nullable=True),
        sa.Column("model_used", sa.Text(), nullable=True),
        sa.Column("tokens_used", sa.Integer(), nullable=True),
        sa.Column("trigger_source", sa.Text(), nullable=False),
        sa.Column(
            "created_at",
            postgresql.TIMESTAMP(timezone=True, precision=3),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["lead_id"],
            ["sales.leads.id"],
            name=op.f("lead_qualification_logs_lead_id_fkey"),
            ondelete="cascade",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("lead_qualification_logs_pkey")),
        schema="sales",
    )
    op.create_index(
        "lead_qualification_logs_conversation_id_idx",
        "lead_qualification_logs",
        ["conversation_id"],
        unique=False,
        schema="sales",
    )
    op.create_index(
        "lead_qualification_logs_lead_id_created_at_idx",
        "lead_qualification_logs",
        ["lead_id", "created_at", "id"],
        unique=False,
        schema="sales",
    )
    op.create_index(
        "lead_qualification_logs_trigger_message_id_key",
        "lead_qualification_logs",
        ["trigger_message_id"],
        unique=True,
        schema="sales",
    )
    op.create_table(
        "lead_status_history",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("lead_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("old_status", sa.Text(), nullable=True),
        sa.Column("new_status", sa.Text(), nullable=False),
        sa.Column("changed_by", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column(
            "created_at",
            postgresql.TIMESTAMP(timezone=True, precision=3),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["lead_id"], ["sales.leads.id"], name=op.f("lead_status_history_lead_id_fkey"), ondelete="cascade"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("lead_status_history_pkey")),
        schema="sales",
    )
    op.create_index(
        "lead_status_history_lead_id_created_at_idx",
        "lead_status_history",
        ["lead_id", "created_at", "id"],
        unique=False,
        schema="sales",
    )
    op.execute(COUNT_LEAD)
    op.execute(COUNTING)
    op.execute(FOR_EVERYONE)
