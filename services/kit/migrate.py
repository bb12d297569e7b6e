"""Schemas, roles, migrations: `python -m services.kit.migrate upgrade|check|revision [service] [message]`."""

import asyncio
import base64
import hashlib
import hmac
import importlib
import os
import sys
import time
from pathlib import Path
from typing import Any

import psycopg
from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from sqlalchemy import MetaData
from sqlalchemy.exc import OperationalError

SERVICES = ("identity", "messaging", "intelligence", "sales", "campaigns", "knowledge")
KIT = Path(__file__).parent
TRIES, PAUSE = 30, 3.0


async def prepare(admin_url: str, passwords: dict[str, str]) -> dict[str, str]:
    """Make database, roles and schemas where they are missing, and upgrade each; the URL of every service."""
    return await asyncio.to_thread(_prepare, admin_url, passwords)


def _prepare(admin_url: str, passwords: dict[str, str]) -> dict[str, str]:
    _create_database(admin_url)
    urls = {}
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute("select pg_advisory_lock(hashtext('convo-prepare'))")
        if connection.execute("select 1 from pg_available_extensions where name = 'vector'").fetchone():
            connection.execute("create extension if not exists vector")
        for service in SERVICES:
            urls[service] = _create_role(connection, admin_url, service, passwords[service])
    for service, url in urls.items():
        upgrade(service, url)
    return urls


def _create_database(admin_url: str) -> None:
    name = conninfo_to_dict(admin_url).get("dbname")
    if not name or name == "postgres":
        return
    with psycopg.connect(make_conninfo(admin_url, dbname="postgres"), autocommit=True) as connection:
        if not connection.execute("select 1 from pg_database where datname = %s", (name,)).fetchone():
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(str(name))))


def _create_role(connection: psycopg.Connection[Any], admin_url: str, service: str, password: str) -> str:
    """A role that reaches its own schema only; where the admin may not make roles, the admin's own."""
    role = sql.Identifier(f"convo_{service}")
    schema = sql.Identifier(service)
    try:
        if not connection.execute(
            "select 1 from pg_roles where rolname = %s", (f"convo_{service}",)
        ).fetchone():
            connection.execute(sql.SQL("create role {} login").format(role))
        connection.execute(sql.SQL("alter role {} password {}").format(role, sql.Literal(password)))
        connection.execute(sql.SQL("grant {} to current_user").format(role))
        connection.execute(sql.SQL("create schema if not exists {} authorization {}").format(schema, role))
    except psycopg.errors.InsufficientPrivilege:
        connection.execute(sql.SQL("create schema if not exists {}").format(schema))
        return admin_url
    parts = conninfo_to_dict(admin_url) | {"user": f"convo_{service}", "password": password}
    return make_conninfo("", **parts)


def passwords(secret: str) -> dict[str, str]:
    """A database password for each service, derived from the master secret."""
    return {
        service: base64.urlsafe_b64encode(
            hmac.digest(secret.encode(), f"database:{service}".encode(), hashlib.sha256)
        ).decode()
        for service in SERVICES
    }


def upgrade(service: str, url: str) -> None:
    """What has to wait for a lock lets the others pass, and comes back."""
    for attempt in range(1, TRIES + 1):
        try:
            command.upgrade(_config(service, url), "head")
            return
        except OperationalError as error:
            if attempt == TRIES or not isinstance(error.orig, psycopg.errors.LockNotAvailable):
                raise
            time.sleep(PAUSE)


def check(service: str, url: str) -> None:
    """Refuse when models and migrations differ."""
    command.check(_config(service, url))


def metadata(service: str) -> MetaData:
    """All tables of a service: those of its models.py, and of the modules named *_models.py beside it."""
    for path in sorted((KIT.parent / service).glob("*_models.py")):
        importlib.import_module(f"services.{service}.{path.stem}")
    known: MetaData = importlib.import_module(f"services.{service}.models").Base.metadata
    return known


def _config(service: str, url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(KIT / "migrations"))
    config.set_main_option("version_locations", str(KIT.parent / service / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes.update(schema=service, metadata=metadata(service), url=_engine_url(url))
    return config


def _engine_url(url: str) -> str:
    parts = conninfo_to_dict(url)
    host, port = parts.get("host", "127.0.0.1"), parts.get("port", 5432)
    return f"postgresql+psycopg://{parts['user']}:{parts.get('password', '')}@{host}:{port}/{parts['dbname']}"


def _next_revision(service: str) -> str:
    folder = KIT.parent / service / "migrations"
    return f"{len([*folder.glob('[0-9]*.py')]) + 1:04d}"


def main(arguments: list[str]) -> None:
    action, *rest = arguments or ["upgrade"]
    urls = asyncio.run(prepare(os.environ["DATABASE_URL"], passwords(os.environ["JWT_SECRET"])))
    if action == "check":
        for service in rest or SERVICES:
            try:
                check(service, urls[service])
            except CommandError as error:
                sys.exit(f"{service}: {error} Run: make migration S={service} M='what changed'")
    if action == "revision":
        service, message = rest
        config = _config(service, urls[service])
        command.revision(config, message, autogenerate=True, rev_id=_next_revision(service))


if __name__ == "__main__":
    main(sys.argv[1:])
