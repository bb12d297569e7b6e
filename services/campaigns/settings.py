"""What campaigns is told by its environment."""

from functools import cache

from services.kit import egress
from services.kit.egress import Policy
from services.kit.settings import ServiceSettings, load


class Settings(ServiceSettings):
    egress_private: str = ""
    messaging_addr: str = ""
    intelligence_addr: str = ""
    sales_addr: str = ""


@cache
def reachable_hosts() -> Policy:
    return egress.policy(load(Settings).egress_private)
