"""Migrations do not stop the version that runs: judged by squawk from the first release on."""

import importlib.util
import io
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations

from tests.deploy.conftest import PROGRAMS, ROOT

# What the first release makes, it makes in an empty database. What comes after meets tables in use:
# expand first, and contract a release later.
RELEASED = {"campaigns": 2, "identity": 2, "intelligence": 3, "knowledge": 3, "messaging": 5, "sales": 2}
LIMITS = (
    "set lock_timeout = '2s'; set statement_timeout = '10min';\n"  # services/kit/migrations/env.py sets them
)
TASTE = "prefer-bigint-over-int,prefer-bigint-over-smallint,prefer-text-field,prefer-robust-stmts"


def sql(file: Path) -> str:
    """What a migration would run."""
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    written = io.StringIO()
    planned = MigrationContext.configure(
        dialect_name="postgresql", opts={"as_sql": True, "output_buffer": written}
    )
    with Operations.context(planned):
        module.upgrade()
    return LIMITS + written.getvalue()


def judge(text: str, folder: Path) -> str:
    """What squawk has against it; empty where nothing."""
    file = folder / "migration.sql"
    file.write_text(text)
    options = ["--assume-in-transaction", "--pg-version", "16", "--reporter", "gcc", "--exclude", TASTE]
    judged = subprocess.run(
        [PROGRAMS / "squawk", *options, file], capture_output=True, text=True, check=False
    )
    return judged.stdout if judged.returncode else ""


def migrations() -> Iterator[Path]:
    for file in sorted(ROOT.glob("services/*/migrations/[0-9]*.py")):
        if int(file.stem[:4]) > RELEASED[file.parts[-3]]:
            yield file


@pytest.mark.parametrize("file", [*migrations()], ids=lambda file: f"{file.parts[-3]}-{file.stem}")
def test_a_migration_bears_the_version_that_runs(file: Path, tmp_path: Path) -> None:
    assert judge(sql(file), tmp_path) == ""


@pytest.mark.parametrize(
    "fault",
    [
        "alter table sends add column note text not null",
        "alter table sends alter column key type varchar(40)",
        "alter table sends rename column key to name",
        "alter table sends drop column key",
        "create index sends_key on sends (key)",
        "alter table sends add constraint c check (priority > 0)",
    ],
)
def test_control_what_would_stop_it_is_found(fault: str, tmp_path: Path) -> None:
    assert "warning" in judge(f"{LIMITS}{fault};", tmp_path)
