"""What the gateway is told by its environment."""

from pydantic import Field, SecretStr

from services.kit.settings import Settings


class GatewaySettings(Settings):
    http_host: str = "127.0.0.1"
    http_port: int = 8000
    frontend_url: str = "http://localhost:5173"
    rate_limit_requests: int = Field(default=100, gt=0)
    rate_limit_window_s: int = Field(default=900, gt=0)
    identity_addr: str
    messaging_addr: str
    intelligence_addr: str
    sales_addr: str
    campaigns_addr: str
    knowledge_addr: str
    simulator_url: str = ""  # set by the local stack
    s3_endpoint: str = "http://127.0.0.1:8333"
    s3_region: str = "us-east-1"
    s3_access_key: str = ""
    s3_secret_key: SecretStr = SecretStr("")
    s3_bucket: str = "convo-insight"
