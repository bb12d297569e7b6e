"""What messaging is told by its environment."""

from functools import cache
from typing import Literal

from pydantic import SecretStr

from services.kit import egress
from services.kit.blobs import Store
from services.kit.egress import Policy
from services.kit.settings import ServiceSettings, load


class MessagingSettings(ServiceSettings):
    evolution_webhook_require_auth: bool | None = None
    evolution_media_mode: Literal["base64", "url"] = "base64"
    evolution_media_hosts: str = ""
    profile_pictures_copy: bool = False
    public_url: str = "http://127.0.0.1:3000"
    egress_private: str = ""

    s3_endpoint: str = "http://127.0.0.1:8333"
    s3_public_endpoint: str = ""
    s3_region: str = "us-east-1"
    s3_access_key: str = ""
    s3_secret_key: SecretStr = SecretStr("")
    s3_bucket: str = "convo-insight"

    @property
    def webhook_needs_secret(self) -> bool:
        if self.evolution_webhook_require_auth is None:
            return self.app_env == "production"
        return self.evolution_webhook_require_auth


@cache
def settings() -> MessagingSettings:
    configured: MessagingSettings = load(MessagingSettings)
    return configured


@cache
def store() -> Store:
    given = settings()
    return Store(
        endpoint=given.s3_endpoint,
        access_key=given.s3_access_key,
        secret_key=given.s3_secret_key.get_secret_value(),
        bucket=given.s3_bucket,
        region=given.s3_region,
        public_endpoint=given.s3_public_endpoint,
    )


@cache
def callable_hosts() -> Policy:
    return egress.policy(settings().egress_private)
