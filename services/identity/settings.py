"""The settings of identity, and the vault that they open."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, SecretStr

from services.kit.settings import ServiceSettings, load

UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def duration(value: Any) -> Any:
    """`1h`, `7d`, `90m`, or a number of seconds."""
    if isinstance(value, timedelta):
        return value
    match = re.fullmatch(r"([1-9]\d*)\s*([smhdw]?)", str(value).strip().lower())
    if match is None:
        raise ValueError("write a duration such as 1h, 7d or 3600 (seconds)")
    return timedelta(seconds=int(match[1]) * UNITS[match[2]])


def first_address(urls: str) -> str:
    """Of several frontends, the one that links in mails lead to."""
    return urls.split(",")[0].strip().rstrip("/")


Duration = Annotated[timedelta, BeforeValidator(duration)]


class IdentitySettings(ServiceSettings):
    messaging_addr: str = ""

    jwt_expires_in: Duration = timedelta(hours=1)
    jwt_refresh_expires_in: Duration = timedelta(days=7)
    auth_rotate_refresh: Literal["client", "always", "never"] = "client"
    auth_failures: int = 10
    auth_failures_window_s: int = 900

    frontend_url: Annotated[str, AfterValidator(first_address)] = "http://localhost:5173"
    smtp_host: str = ""
    smtp_port: int = 587
    smtp_user: str = ""
    smtp_password: SecretStr = SecretStr("")
    smtp_from: str = "Convo Insight <nao-responda@localhost>"
    mail_dir: Path | None = None


def settings() -> IdentitySettings:
    configured: IdentitySettings = load(IdentitySettings)
    return configured
