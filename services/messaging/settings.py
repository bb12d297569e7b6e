"""What messaging is told by its environment."""

from pydantic import SecretStr

from services.kit.crypto import Vault
from services.kit.settings import ServiceSettings, load


class MessagingSettings(ServiceSettings):
    jwt_secret_previous: SecretStr = SecretStr("")
    evolution_webhook_require_auth: bool | None = None
    public_url: str = "http://127.0.0.1:3000"
    egress_private: str = ""

    @property
    def webhook_needs_secret(self) -> bool:
        if self.evolution_webhook_require_auth is None:
            return self.app_env == "production"
        return self.evolution_webhook_require_auth


def vault() -> Vault:
    settings = load(MessagingSettings)
    previous = settings.jwt_secret_previous.get_secret_value()
    return Vault(settings.jwt_secret.get_secret_value(), (previous,) if previous else ())
