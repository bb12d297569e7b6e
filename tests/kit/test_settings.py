"""Settings: what anybody could guess is refused outside development, and every problem is named at once."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROCESSES = [
    "gateway",
    *(f"services.{name}" for name in ("identity", "messaging", "intelligence", "knowledge")),
]
GOOD = {
    "JWT_SECRET": "0123456789abcdef0123456789abcdef",
    "SERVICE_KEY": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
    "SERVICE_KEYS": "{}",
    "GRPC_PORT": "0",
    "DATABASE_URL": "postgresql://convo:a-password-of-our-own@127.0.0.1:9/convo",
    "S3_SECRET_KEY": "a secret of our own",
    **{
        f"{name}_ADDR": "x"
        for name in ("IDENTITY", "MESSAGING", "INTELLIGENCE", "SALES", "CAMPAIGNS", "KNOWLEDGE")
    },
}


def start(process: str, environment: dict[str, str], patience: float = 60) -> tuple[int, str]:
    """How the process ends that is told this, and what it says. A good one goes on until its time is over."""
    told = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HTTP_PORT": "0", **environment}
    command = [sys.executable, "-m", process]
    try:
        done = subprocess.run(
            command, env=told, capture_output=True, text=True, timeout=patience, check=False
        )
    except subprocess.TimeoutExpired:
        return 0, ""
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    "environment",
    [{"APP_ENV": "production"}, {"NODE_ENV": "production"}, {"APP_ENV": "test"}, {"APP_ENV": "staging"}],
)
def test_every_bad_variable_is_named_at_once(environment: dict[str, str]) -> None:
    bad = {
        "JWT_SECRET": "your-secret-key",
        "DATABASE_URL": "postgresql://postgres:postgres@db/convo",
        "S3_SECRET_KEY": "minioadmin",
        "SERVICE_KEYS": "{}",
        "GRPC_PORT": "many",
    }

    code, said = start("services.messaging", {**environment, **bad})

    assert code == 78
    for name in ("JWT_SECRET", "DATABASE_URL", "S3_SECRET_KEY", "SERVICE_KEY", "GRPC_PORT"):
        assert f"{name}:" in said
    assert "your-secret-key" not in said
    assert "minioadmin" not in said


@pytest.mark.parametrize(
    ("process", "secret"),
    [
        *((process, "short") for process in PROCESSES),
        *(("services.messaging", secret) for secret in ("", "x" * 31, "your-secret-key")),
    ],
)
def test_no_process_starts_in_production_with_a_secret_that_is_none(process: str, secret: str) -> None:
    code, said = start(process, {**GOOD, "APP_ENV": "production", "JWT_SECRET": secret})

    assert code == 78
    assert "JWT_SECRET:" in said
    assert len(said.splitlines()) == 2


@pytest.mark.parametrize("key", ["", "not base64", "c2hvcnQ="])
def test_a_key_that_signs_nothing_is_named(key: str) -> None:
    code, said = start("services.sales", {**GOOD, "SERVICE_KEY": key})

    assert code == 78
    assert "SERVICE_KEY:" in said


def test_development_takes_what_is_given() -> None:
    code, said = start(
        "services.sales",
        {**GOOD, "JWT_SECRET": "short", "DATABASE_URL": "postgresql://a:postgres@127.0.0.1:9/x"},
        patience=5,
    )

    assert code != 78
    assert "JWT_SECRET" not in said
