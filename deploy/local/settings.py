"""What the user asks for, in the environment or in `.env`, and what each process is told."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from dotenv import dotenv_values

from deploy.local.credentials import CALLERS, SERVICES, Credentials

ROOT = Path(__file__).parents[2]
DATABASE_NAMES = ("DATABASE_URL", "DB_HOST", "DB_PORT", "DB_USER", "DB_PASSWORD", "DB_NAME")


class Unusable(Exception):
    """A setting that cannot be used."""


@dataclass(frozen=True)
class Settings:
    """`given` is every variable that has a value: the environment's first, else the one in `.env`."""

    given: dict[str, str]
    home: Path
    port: int
    replicas: int
    archive: Path | None = None


def load(environment: Mapping[str, str], file: Path) -> Settings:
    written = dotenv_values(file, interpolate=False)
    given = {name: value for name, value in {**written, **environment}.items() if value}
    return Settings(
        given=given,
        home=Path(given.get("CONVO_HOME") or ROOT / ".convo").expanduser().resolve(),
        port=number(given, "PORT", 3000, 0, 65535),
        replicas=number(given, "REPLICAS", 1, 1, 16),
        archive=Path(given["CONVO_ARCHIVE"]).expanduser().resolve() if "CONVO_ARCHIVE" in given else None,
    )


def number(given: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    text = given.get(name, str(default))
    if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
        raise Unusable(f"{name}={text} is not a number from {least} to {most}.")
    return int(text)


def database_url(given: Mapping[str, str]) -> str | None:
    """The user's own database: its URL, or the variables that the original server had."""
    if "DATABASE_URL" in given or "DB_HOST" not in given:
        return given.get("DATABASE_URL")
    user, password = (quote(given.get(name, "postgres"), safe="") for name in ("DB_USER", "DB_PASSWORD"))
    address = f"{given['DB_HOST']}:{given.get('DB_PORT', '5432')}"
    return f"postgresql://{user}:{password}@{address}/{given.get('DB_NAME', 'convo_insight')}"


def ai_provider(given: Mapping[str, str]) -> str:
    asked = given.get("AI_PROVIDER", "auto")
    if asked != "auto":
        return asked
    return "groq" if "GROQ_API_KEY" in given else "openai" if "AI_BASE_URL" in given else "local"


@dataclass(frozen=True)
class Member:
    """One process of ours: a replica of a service or of the gateway."""

    service: str
    number: int
    port: int
    name: str

    @property
    def module(self) -> str:
        return "gateway.__main__" if self.service == "gateway" else f"services.{self.service}.__main__"


def members(replicas: int, ports: list[int]) -> list[Member]:
    names = [(service, number) for service in CALLERS for number in range(1, replicas + 1)]
    return [
        Member(service, number, port, service if replicas == 1 else f"{service}-{number}")
        for (service, number), port in zip(names, ports, strict=True)
    ]


def shared(given: Mapping[str, str], credentials: Credentials, everyone: list[Member]) -> dict[str, str]:
    """What every process is told. The database is left out: each service has a URL of its own."""
    addresses = {
        f"{service.upper()}_ADDR": ",".join(
            f"127.0.0.1:{member.port}" for member in everyone if member.service == service
        )
        for service in SERVICES
    }
    defaults = {
        "APP_ENV": "development",
        "JWT_SECRET": credentials.jwt_secret,
        "JWT_REFRESH_SECRET": credentials.jwt_refresh_secret,
        "S3_REGION": "us-east-1",
        "S3_BUCKET": "convo-insight",
        "EGRESS_PRIVATE": "localhost, 127.0.0.0/8, ::1",  # an Evolution on this machine is the usual one
        "RATE_LIMIT_REQUESTS": "10000",  # a developer's browser would use up the contract's 100 in a minute
    }
    kept = {name: value for name, value in given.items() if name not in DATABASE_NAMES}
    return {**defaults, **kept, **addresses, "SERVICE_KEYS": json.dumps(credentials.public_keys)}


def own(member: Member, credentials: Credentials, urls: Mapping[str, str]) -> dict[str, str]:
    """What one process is told besides."""
    environment = {
        "REPLICA": f"{member.service}-{member.number}",
        "SERVICE_KEY": credentials.private_keys[member.service],
    }
    if member.service == "gateway":
        return {**environment, "HTTP_PORT": str(member.port)}
    return {**environment, "GRPC_PORT": str(member.port), "DATABASE_URL": urls[member.service]}
