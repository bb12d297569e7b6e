"""search counts gate and side tables"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


MOMENT = postgresql.TIMESTAMP(timezone=True, precision=3)

# Lower case, without accents and marks: what people type is compared with what was written.
MAKE_PLAIN = r"""
    create function messaging.plain(words text) returns text language sql immutable parallel safe
    return regexp_replace(
        regexp_replace(lower(normalize(words, NFKD)), '[\u0300-\u036f]+', '', 'g'),
        '[^[:alnum:]]+', ' ', 'g'
    )
"""
# Every end of every word, from three characters on: a prefix of one of them is a piece of the word.
MAKE_PIECES = """
    create function messaging.pieces(words text) returns tsvector language sql immutable parallel safe
    return (
        select coalesce(array_to_tsvector(array_agg(distinct substr(left(word, 40), place))), '')
        from unnest(string_to_array(messaging.plain(left(words, 500)), ' ')) word,
             generate_series(1, greatest(1, least(length(word), 40) - 2)) place
        where word <> ''
    )
"""
KIND = (
    "instance_id, status, conversation_mode, assigned_to, category, unread_count > 0 as is_unread, is_waiting"
)
COLUMNS = "instance_id, status, conversation_mode, assigned_to, category, is_unread, is_waiting"
MAKE_TALLY = f"""
    create function messaging.tally() returns trigger language plpgsql as $$
    begin
        if tg_op = 'INSERT' then
            insert into messaging.tallies ({COLUMNS}, amount)
            select {KIND}, count(*) from fresh group by {COLUMNS};
        elsif tg_op = 'DELETE' then
            insert into messaging.tallies ({COLUMNS}, amount)
            select {KIND}, -count(*) from stale group by {COLUMNS};
        else
            insert into messaging.tallies ({COLUMNS}, amount)
            select {COLUMNS}, sum(step)
            from (select {KIND}, 1 as step from fresh union all select {KIND}, -1 from stale) as steps
            group by {COLUMNS} having sum(step) <> 0;
        end if;
        return null;
    end $$
"""
TRIGGERS = {
    "insert": "referencing new table as fresh",
    "delete": "referencing old table as stale",
    "update": "referencing new table as fresh old table as stale",
}


def upgrade() -> None:
    op.execute(sa.text(MAKE_PLAIN.replace(":", r"\:")))
    op.execute(MAKE_PIECES)
    op.create_table(
        "refused_keys",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("refused_at", MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("refused_keys_pkey")),
        schema="messaging",
    )
    op.create_table(
        "tallies",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("instance_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("conversation_mode", sa.Text(), nullable=False),
        sa.Column("assigned_to", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("category", sa.Text(), nullable=True),
        sa.Column("is_unread", sa.Boolean(), nullable=False),
        sa.Column("is_waiting", sa.Boolean(), nullable=False),
        sa.Column("amount", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("tallies_pkey")),
        schema="messaging",
    )
    op.create_table(
        "assignment_rules",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("instance_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("rule_type", sa.Text(), nullable=False),
        sa.Column("fixed_agent_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column(
            "round_robin_agents",
            postgresql.ARRAY(sa.Uuid(as_uuid=False)),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column("round_robin_last_index", sa.Integer(), server_default=sa.text("-1"), nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("created_at", MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "rule_type <> 'fixed' or fixed_agent_id is not null", name=op.f("assignment_rules_fixed_check")
        ),
        sa.CheckConstraint(
            "rule_type <> 'round_robin' or cardinality(round_robin_agents) > 0",
            name=op.f("assignment_rules_round_robin_check"),
        ),
        sa.CheckConstraint(
            "rule_type in ('fixed', 'round_robin')", name=op.f("assignment_rules_rule_type_check")
        ),
        sa.ForeignKeyConstraint(
            ["instance_id"],
            ["messaging.instances.id"],
            name=op.f("assignment_rules_instance_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("assignment_rules_pkey")),
        schema="messaging",
    )
    op.create_index(
        "assignment_rules_active_key",
        "assignment_rules",
        ["instance_id"],
        unique=True,
        schema="messaging",
        postgresql_where=sa.text("is_active"),
    )
    op.create_table(
        "gates",
        sa.Column("instance_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("bulk_opens_at", MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.Column("paused_until", MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["instance_id"],
            ["messaging.instances.id"],
            name=op.f("gates_instance_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("instance_id", name=op.f("gates_pkey")),
        schema="messaging",
    )
    op.create_table(
        "macros",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("instance_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("shortcut", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("category", sa.Text(), server_default="geral", nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("usage_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["instance_id"],
            ["messaging.instances.id"],
            name=op.f("macros_instance_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("macros_pkey")),
        schema="messaging",
    )
    op.create_index(
        "macros_name_idx",
        "macros",
        ["name", "id"],
        unique=False,
        schema="messaging",
        postgresql_where=sa.text("is_active"),
    )
    op.create_index(
        "macros_shortcut_key",
        "macros",
        [sa.literal_column("coalesce(instance_id, '00000000-0000-0000-0000-000000000000')"), "shortcut"],
        unique=True,
        schema="messaging",
        postgresql_where=sa.text("is_active"),
    )
    op.create_table(
        "parked",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("instance_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("item", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("told_at", MOMENT, nullable=True),
        sa.Column("parked_at", MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["instance_id"],
            ["messaging.instances.id"],
            name=op.f("parked_instance_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("parked_pkey")),
        schema="messaging",
    )
    op.create_index(
        op.f("parked_instance_id_target_idx"),
        "parked",
        ["instance_id", "target"],
        unique=False,
        schema="messaging",
    )
    op.create_index(op.f("parked_parked_at_idx"), "parked", ["parked_at"], unique=False, schema="messaging")
    op.create_table(
        "conversation_assignments",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("conversation_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("assigned_from", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("assigned_to", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("assigned_by", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("created_at", MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["messaging.conversations.id"],
            name=op.f("conversation_assignments_conversation_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("conversation_assignments_pkey")),
        schema="messaging",
    )
    op.create_index(
        op.f("conversation_assignments_conversation_id_id_idx"),
        "conversation_assignments",
        ["conversation_id", "id"],
        unique=False,
        schema="messaging",
    )
    op.create_table(
        "notes",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("conversation_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("is_pinned", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("created_by", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("created_at", MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["messaging.conversations.id"],
            name=op.f("notes_conversation_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("notes_pkey")),
        schema="messaging",
    )
    op.create_index(
        "notes_order_idx",
        "notes",
        [
            "conversation_id",
            sa.literal_column("is_pinned desc"),
            sa.literal_column("created_at desc"),
            sa.literal_column("id desc"),
        ],
        unique=False,
        schema="messaging",
    )
    op.create_table(
        "media_jobs",
        sa.Column("message_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("media", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("due_at", MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["message_id"],
            ["messaging.messages.id"],
            name=op.f("media_jobs_message_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("message_id", name=op.f("media_jobs_pkey")),
        schema="messaging",
    )
    op.create_index(op.f("media_jobs_due_at_idx"), "media_jobs", ["due_at"], unique=False, schema="messaging")
    op.create_table(
        "message_versions",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("message_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("edited_at", MOMENT, nullable=True),
        sa.Column("edited_by", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("created_at", MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["message_id"],
            ["messaging.messages.id"],
            name=op.f("message_versions_message_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("message_versions_pkey")),
        schema="messaging",
    )
    op.create_index(
        "message_versions_key",
        "message_versions",
        ["message_id", "edited_at", sa.literal_column("md5(content)")],
        unique=True,
        schema="messaging",
    )
    op.create_table(
        "reactions",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("message_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("reactor", sa.Text(), nullable=False),
        sa.Column("reactor_jid", sa.Text(), nullable=False),
        sa.Column("emoji", sa.Text(), nullable=False),
        sa.Column("is_from_me", sa.Boolean(), nullable=False),
        sa.Column("reacted_at", MOMENT, nullable=False),
        sa.Column("created_at", MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["message_id"],
            ["messaging.messages.id"],
            name=op.f("reactions_message_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("reactions_pkey")),
        sa.UniqueConstraint("message_id", "reactor", name=op.f("reactions_message_id_reactor_key")),
        schema="messaging",
    )
    op.add_column("contacts", sa.Column("named_at", MOMENT, nullable=True), schema="messaging")
    op.add_column("contacts", sa.Column("picture_told_at", MOMENT, nullable=True), schema="messaging")
    op.add_column("contacts", sa.Column("checked_at", MOMENT, nullable=True), schema="messaging")
    op.add_column(
        "contacts",
        sa.Column(
            "search",
            postgresql.TSVECTOR(),
            sa.Computed("messaging.pieces(name || ' ' || phone_number)", persisted=True),
            nullable=False,
        ),
        schema="messaging",
    )
    op.create_index(
        "contacts_audience_idx",
        "contacts",
        ["instance_id", "id"],
        unique=False,
        schema="messaging",
        postgresql_where=sa.text("not is_group and opt_in and is_active and deleted_at is null"),
    )
    op.create_index(
        "contacts_groups_idx",
        "contacts",
        ["instance_id", "checked_at"],
        unique=False,
        schema="messaging",
        postgresql_where=sa.text("is_group"),
    )
    op.create_index(
        "contacts_name_idx",
        "contacts",
        [sa.literal_column("lower(name)"), "id"],
        unique=False,
        schema="messaging",
    )
    op.create_index(
        "contacts_search_idx",
        "contacts",
        ["search"],
        unique=False,
        schema="messaging",
        postgresql_using="gin",
    )
    op.add_column(
        "conversations",
        sa.Column(
            "recency",
            MOMENT,
            sa.Computed("coalesce(last_message_at, '-infinity')", persisted=True),
            nullable=False,
        ),
        schema="messaging",
    )
    op.add_column(
        "conversations",
        sa.Column("last_message_id", sa.Uuid(as_uuid=False), nullable=True),
        schema="messaging",
    )
    op.add_column(
        "conversations",
        sa.Column(
            "is_waiting",
            sa.Boolean(),
            sa.Computed("last_message_at is not null and not is_last_message_from_me", persisted=True),
            nullable=False,
        ),
        schema="messaging",
    )
    op.add_column("conversations", sa.Column("read_at", MOMENT, nullable=True), schema="messaging")
    op.add_column(
        "conversations", sa.Column("read_id", sa.Uuid(as_uuid=False), nullable=True), schema="messaging"
    )
    op.add_column("conversations", sa.Column("closed_at", MOMENT, nullable=True), schema="messaging")
    op.drop_index(op.f("conversations_assigned_to_idx"), table_name="conversations", schema="messaging")
    op.create_index(
        "conversations_assigned_to_idx",
        "conversations",
        [
            "assigned_to",
            sa.literal_column("recency desc"),
            sa.literal_column("id desc"),
        ],
        unique=False,
        schema="messaging",
        postgresql_where=sa.text("assigned_to is not null"),
    )
    op.drop_index(op.f("conversations_recent_idx"), table_name="conversations", schema="messaging")
    op.create_index(
        "conversations_recent_idx",
        "conversations",
        [sa.literal_column("recency desc"), sa.literal_column("id desc")],
        unique=False,
        schema="messaging",
    )
    op.create_index(
        "conversations_category_idx",
        "conversations",
        [
            "category",
            sa.literal_column("recency desc"),
            sa.literal_column("id desc"),
        ],
        unique=False,
        schema="messaging",
        postgresql_where=sa.text("category is not null"),
    )
    op.create_index(
        "conversations_instance_idx",
        "conversations",
        [
            "instance_id",
            sa.literal_column("recency desc"),
            sa.literal_column("id desc"),
        ],
        unique=False,
        schema="messaging",
    )
    op.create_index(
        "conversations_mode_idx",
        "conversations",
        [
            "conversation_mode",
            sa.literal_column("recency desc"),
            sa.literal_column("id desc"),
        ],
        unique=False,
        schema="messaging",
        postgresql_where=sa.text("conversation_mode <> 'human'"),
    )
    op.create_index(
        "conversations_queue_idx",
        "conversations",
        [sa.literal_column("recency desc"), sa.literal_column("id desc")],
        unique=False,
        schema="messaging",
        postgresql_where=sa.text("assigned_to is null"),
    )
    op.create_index(
        "conversations_status_idx",
        "conversations",
        [
            "status",
            sa.literal_column("recency desc"),
            sa.literal_column("id desc"),
        ],
        unique=False,
        schema="messaging",
    )
    op.create_index(
        "conversations_unread_idx",
        "conversations",
        [sa.literal_column("recency desc"), sa.literal_column("id desc")],
        unique=False,
        schema="messaging",
        postgresql_where=sa.text("unread_count > 0"),
    )
    op.create_index(
        "conversations_waiting_idx",
        "conversations",
        [sa.literal_column("recency desc"), sa.literal_column("id desc")],
        unique=False,
        schema="messaging",
        postgresql_where=sa.text("is_waiting"),
    )
    op.add_column("instances", sa.Column("status_told_at", MOMENT, nullable=True), schema="messaging")
    op.add_column(
        "instances",
        sa.Column("sends_per_minute", sa.Integer(), server_default=sa.text("60"), nullable=False),
        schema="messaging",
    )
    op.add_column("instances", sa.Column("webhook_url", sa.Text(), nullable=True), schema="messaging")
    op.add_column("instances", sa.Column("webhook_checked_at", MOMENT, nullable=True), schema="messaging")
    op.add_column("instances", sa.Column("filled_until", MOMENT, nullable=True), schema="messaging")
    op.add_column(
        "messages",
        sa.Column("progress", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        schema="messaging",
    )
    op.add_column("messages", sa.Column("media_size", sa.Integer(), nullable=True), schema="messaging")
    op.add_column("messages", sa.Column("sender_lid", sa.Text(), nullable=True), schema="messaging")
    op.add_column(
        "messages", sa.Column("deleted_by", sa.Uuid(as_uuid=False), nullable=True), schema="messaging"
    )
    op.add_column(
        "messages",
        sa.Column("words", postgresql.TSVECTOR(), server_default=sa.text("''"), nullable=False),
        schema="messaging",
    )
    op.execute("update messaging.messages set words = to_tsvector('simple', messaging.plain(content))")
    op.create_index(
        "messages_words_idx", "messages", ["words"], unique=False, schema="messaging", postgresql_using="gin"
    )
    op.execute("alter table messaging.messages set (fillfactor = 85)")
    op.add_column("quarantine", sa.Column("secret_hash", sa.Text(), nullable=True), schema="messaging")
    op.add_column(
        "quarantine",
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        schema="messaging",
    )
    op.add_column("quarantine", sa.Column("due_at", MOMENT, nullable=True), schema="messaging")
    op.create_index(op.f("quarantine_due_at_idx"), "quarantine", ["due_at"], unique=False, schema="messaging")
    _rebuild_sends()
    op.create_index(
        "sends_contact_idx",
        "sends",
        ["contact_id", "queued_at"],
        unique=False,
        schema="messaging",
        postgresql_where=sa.text("state in ('queued', 'dispatching')"),
    )
    op.create_index(
        "sends_queue_idx",
        "sends",
        ["instance_id", "priority", "due_at", "id"],
        unique=False,
        schema="messaging",
        postgresql_where=sa.text("state = 'queued'"),
    )
    op.create_index(
        "sends_unsettled_idx",
        "sends",
        ["state", "claimed_at"],
        unique=False,
        schema="messaging",
        postgresql_where=sa.text("state in ('dispatching', 'unknown')"),
    )
    op.execute(
        f"insert into messaging.tallies ({COLUMNS}, amount) select {KIND}, count(*) from messaging.conversations group by {COLUMNS}"
    )
    op.execute(MAKE_TALLY)
    for event, tables in TRIGGERS.items():
        op.execute(
            f"create trigger tally_{event} after {event} on messaging.conversations {tables} "
            "for each statement execute function messaging.tally()"
        )


def _rebuild_sends() -> None:
    """A send gets an id of its own: what waits as a draft has no message yet."""
    op.drop_index("sends_waiting_idx", table_name="sends", schema="messaging")
    op.execute("""
        alter table messaging.sends
            add column id uuid, add column contact_id uuid, add column priority smallint, add column draft jsonb,
            add column attempts integer not null default 0, add column checks integer not null default 0,
            add column due_at timestamptz(3) not null default now(), add column not_after timestamptz(3)
    """)
    op.execute("""
        update messaging.sends s set id = s.message_id, contact_id = c.contact_id,
            priority = case m.origin when 'human' then 1 when 'ai' then 2 when 'campaign' then 4 else 3 end
        from messaging.messages m join messaging.conversations c on c.id = m.conversation_id
        where m.id = s.message_id
    """)
    op.execute("""
        alter table messaging.sends
            drop constraint sends_pkey, alter column message_id drop not null, alter column id set not null,
            alter column contact_id set not null, alter column priority set not null,
            drop column conversation_id, drop constraint sends_state_check,
            add constraint sends_pkey primary key (id), add constraint sends_message_id_key unique (message_id),
            add constraint sends_state_check check (state in (
                'queued', 'dispatching', 'sent', 'failed', 'unknown', 'cancelled', 'dropped')),
            add constraint sends_content_check check (message_id is not null or draft is not null),
            add constraint sends_instance_id_fkey
                foreign key (instance_id) references messaging.instances (id) on delete cascade
    """)
