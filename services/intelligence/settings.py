"""What intelligence is told by its environment."""

from typing import Literal

from pydantic import SecretStr

from services.kit.settings import ServiceSettings


class IntelligenceSettings(ServiceSettings):
    messaging_addr: str = ""
    knowledge_addr: str = ""

    ai_provider: Literal["auto", "groq", "openai", "local", "off"] = "auto"
    groq_api_key: SecretStr = SecretStr("")
    groq_base_url: str = "https://api.groq.com"
    ai_base_url: str = ""
    ai_api_key: SecretStr = SecretStr("")
    ai_model: str = "llama-3.3-70b-versatile"
    ai_fallback_models: str = "openai/gpt-oss-120b,openai/gpt-oss-20b"
    ai_timeout_s: float = 20.0
    ai_max_concurrency: int = 8
    ai_debounce_s: float = 3.0

    @property
    def provider(self) -> str:
        """Who writes: groq, openai (any server that speaks its API), local, or nobody."""
        if self.ai_provider != "auto":
            return self.ai_provider
        if self.groq_api_key.get_secret_value():
            return "groq"
        return "openai" if self.ai_base_url else "local"

    @property
    def models(self) -> tuple[str, ...]:
        """The model to ask first, and those to ask when it is gone."""
        names = [self.ai_model, *self.ai_fallback_models.split(",")]
        return tuple(dict.fromkeys(name.strip() for name in names if name.strip()))
