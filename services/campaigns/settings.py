"""What campaigns is told by its environment."""

from services.kit.settings import ServiceSettings


class Settings(ServiceSettings):
    messaging_addr: str = ""
    intelligence_addr: str = ""
    sales_addr: str = ""
