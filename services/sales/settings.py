"""What sales reads from the environment, beside what every service reads."""

from services.kit.settings import ServiceSettings


class Settings(ServiceSettings):
    messaging_addr: str
    intelligence_addr: str
