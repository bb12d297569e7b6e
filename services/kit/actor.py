"""Who asks: a person with a role, or a service on its own behalf."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Actor:
    id: str
    role: str
    service: str = ""
    email: str = ""
    session: str = ""

    @property
    def is_service(self) -> bool:
        return self.role == "service"

    @property
    def leads(self) -> bool:
        """Sees and assigns everything: admins, supervisors, and services."""
        return self.role != "agent"


def service(name: str) -> Actor:
    return Actor(id="", role="service", service=name)
