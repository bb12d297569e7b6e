"""What intelligence is told by its environment."""

from typing import Literal

from pydantic import Field, SecretStr

from services.kit.settings import ServiceSettings

# Dollars for a million tokens: of the prompt, of the answer. What others cost is not known.
PRICES = {
    "llama-3.3-70b-versatile": (0.59, 0.79),
    "openai/gpt-oss-120b": (0.15, 0.60),
    "openai/gpt-oss-20b": (0.075, 0.30),
}


class IntelligenceSettings(ServiceSettings):
    messaging_addr: str = ""
    knowledge_addr: str = ""
    sales_addr: str = ""

    ai_provider: Literal["auto", "groq", "openai", "local", "off"] = "auto"
    groq_api_key: SecretStr = SecretStr("")
    groq_base_url: str = "https://api.groq.com"
    ai_base_url: str = ""
    ai_api_key: SecretStr = SecretStr("")
    ai_model: str = "llama-3.3-70b-versatile"
    ai_fallback_models: str = "openai/gpt-oss-120b,openai/gpt-oss-20b"
    ai_timeout_s: float = Field(20.0, gt=0, le=120)
    ai_max_concurrency: int = Field(8, ge=1, le=100)
    ai_daily_token_budget: int | None = Field(None, ge=0)
    ai_prices: dict[str, tuple[float, float]] = PRICES
    ai_log_retention_days: int = Field(90, ge=1)
    ai_debounce_s: float = Field(3.0, ge=0, le=30)

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
