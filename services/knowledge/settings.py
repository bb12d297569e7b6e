"""What knowledge is told by its environment."""

from services.kit.settings import ServiceSettings


class KnowledgeSettings(ServiceSettings):
    intelligence_addr: str = ""
