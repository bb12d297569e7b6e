"""Settings every process has; a service adds its own. All problems are reported at once, with the mend."""

import json
import os
import socket
import sys
from functools import cache
from typing import Annotated, Literal, TypeVar

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

DEFAULT_SECRETS = {"your-secret-key", "your-refresh-secret", "minioadmin", "postgres", "changeme", "secret"}

Keys = Annotated[
    dict[str, str], NoDecode, BeforeValidator(lambda v: json.loads(v) if isinstance(v, str) else v)
]


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", case_sensitive=False, env_ignore_empty=True
    )

    app_env: Literal["development", "test", "production"] = "development"
    log_level: str = "INFO"
    replica: str = Field(default_factory=lambda: f"{socket.gethostname()}-{os.getpid()}")
    ready_fd: int | None = None
    nats_url: str = "nats://127.0.0.1:4222"
    nats_replicas: int = Field(default=1, ge=1, le=5)  # on how many nodes of NATS each event is kept
    drain_s: float = Field(default=2.0, ge=0)  # from SIGTERM until the door closes: callers go elsewhere

    jwt_secret: SecretStr
    service_key: SecretStr
    service_keys: Keys
    default_timezone: str = "America/Sao_Paulo"

    @model_validator(mode="after")
    def refuse_weak_secrets(self) -> "Settings":
        if self.app_env != "production":
            return self
        weak = [
            name.upper()
            for name, value in self
            if isinstance(value, SecretStr) and name.endswith(("_secret", "_secret_key")) and _is_weak(value)
        ]
        if weak:
            raise ValueError(f"{', '.join(weak)}: set at least 32 random bytes, not a default")
        return self


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


def _is_weak(secret: SecretStr) -> bool:
    value = secret.get_secret_value()
    return len(value.encode()) < 32 or value in DEFAULT_SECRETS
