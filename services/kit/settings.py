"""Settings every process has; a service adds its own. All problems are reported at once, with the mend."""

import base64
import json
import os
import re
import socket
import sys
from functools import cache
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AliasChoices,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from services.kit.crypto import Vault

DEFAULT_SECRETS = {
    *("your-secret-key", "your-refresh-secret", "minioadmin", "postgres", "changeme", "secret", "password"),
    *("your-groq-api-key", "your-super-secret-jwt-key-change-in-production"),
}
SHORTEST_SECRET = 32
SEED = 32
PASSWORD = re.compile(r"//[^:/@]*:([^@/]*)@|password=(\S+)")

Keys = Annotated[
    dict[str, str], NoDecode, BeforeValidator(lambda v: json.loads(v) if isinstance(v, str) else v)
]


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", case_sensitive=False, env_ignore_empty=True, validate_default=True
    )

    app_env: Literal["development", "test", "production"] = Field(
        default="development", validation_alias=AliasChoices("app_env", "node_env")
    )
    log_level: str = "INFO"
    replica: str = Field(default_factory=lambda: f"{socket.gethostname()}-{os.getpid()}")
    ready_fd: int | None = None
    nats_url: str = "nats://127.0.0.1:4222"
    nats_replicas: int = Field(default=1, ge=1, le=5)  # on how many nodes of NATS each event is kept
    drain_s: float = Field(default=2.0, ge=0)  # from SIGTERM until the door closes: callers go elsewhere

    jwt_secret: SecretStr
    jwt_secret_previous: SecretStr | None = None
    service_key: SecretStr
    service_keys: Keys
    default_timezone: str = "America/Sao_Paulo"

    @field_validator("*", mode="after")
    @classmethod
    def refuse_weak_secrets(cls, value: Any, info: ValidationInfo) -> Any:
        """Outside development. One by one, so that every bad variable is named at once."""
        if info.data.get("app_env") != "development" and (mend := _mend(str(info.field_name), value)):
            raise ValueError(mend)
        return value

    @field_validator("service_key", mode="after")
    @classmethod
    def refuse_what_is_no_key(cls, value: SecretStr) -> SecretStr:
        try:
            seed = base64.b64decode(value.get_secret_value(), validate=True)
        except ValueError:
            seed = b""
        if len(seed) != SEED:
            raise ValueError(f"set {SEED} random bytes, as base64")
        return value


class ServiceSettings(Settings):
    database_url: str
    grpc_host: str = "127.0.0.1"
    grpc_port: int
    identity_addr: str = ""
    pool_size: int = 6


SomeSettings = TypeVar("SomeSettings", bound=Settings)


@cache
def load(kind: type[SomeSettings]) -> SomeSettings:
    """The settings from the environment, read once; or the end of the process with every problem named."""
    try:
        return kind()
    except ValidationError as error:
        for problem in error.errors(include_input=False, include_url=False):
            name = ".".join(str(part) for part in problem["loc"]).upper()
            print(f"{name or 'settings'}: {problem['msg']}", file=sys.stderr)  # noqa: T201
        print("Set these variables; .env.example explains each of them.", file=sys.stderr)  # noqa: T201
        sys.exit(78)


@cache
def vault() -> Vault:
    """Seals under the secret; opens what the one before it sealed, too."""
    settings = load(Settings)
    previous = settings.jwt_secret_previous
    older = (previous.get_secret_value(),) if previous else ()
    return Vault(settings.jwt_secret.get_secret_value(), older)


def _mend(name: str, value: Any) -> str | None:
    """What to do about a secret that anybody could guess."""
    if name == "database_url" and any({*found} & DEFAULT_SECRETS for found in PASSWORD.findall(value)):
        return "give the database a password that is not a default"
    if not isinstance(value, SecretStr):
        return None
    secret = value.get_secret_value()
    if secret in DEFAULT_SECRETS or (name.endswith("_secret_key") and not secret):
        return "set a value of your own, not a default"
    if name == "jwt_secret" and len(secret.encode()) < SHORTEST_SECRET:
        return f"set at least {SHORTEST_SECRET} random bytes"
    return None
