"""One Alembic environment for six schemas: each has its models, its version table, and no eye for others."""

from typing import Any

from alembic import context
from sqlalchemy import NullPool, create_engine, text

config = context.config
schema = config.attributes["schema"]
metadata = config.attributes["metadata"]


def include(name: str | None, kind: str, _: Any) -> bool:
    return name == schema if kind == "schema" else True


# A connection that waits in a pool would keep the lock that keeps others from migrating.
engine = create_engine(
    config.attributes["url"], poolclass=NullPool, connect_args={"options": "-c search_path=public"}
)
with engine.connect() as connection:
    connection.execute(text("select pg_advisory_lock(hashtext(:name))"), {"name": f"migrate-{schema}"})
    # Who waits for a lock holds up everybody behind it: give up soon, and try again (kit/migrate.py).
    connection.execute(text("set lock_timeout = '2s'"))
    connection.execute(text("set statement_timeout = '10min'"))
    connection.commit()
    context.configure(
        connection=connection,
        target_metadata=metadata,
        version_table_schema=schema,
        include_schemas=True,
        include_name=include,
        compare_server_default=False,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()
