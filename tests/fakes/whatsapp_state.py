"""What the simulated WhatsApp remembers: who there is, what was sent, and what everybody got."""

import uuid
from dataclasses import dataclass, field

from tests.fakes import evolution_payloads as payloads
from tests.fakes.evolution_payloads import Json

WHOLE_WEBHOOK = {"enabled": True, "byEvents": False, "base64": False, "headers": {}, "events": []}


@dataclass(frozen=True)
class Accepted:
    """A line of the ledger: this has gone out to WhatsApp, whatever the caller was told."""

    external_id: str
    instance: str
    verb: str
    number: str
    jid: str
    text: str
    at: float


@dataclass(frozen=True)
class Received:
    """What a customer sees: a message, or a reaction, edit, deletion or read mark of one (`target`)."""

    external_id: str
    kind: str
    text: str
    instance: str
    at: float
    target: str | None = None
    file: bytes | None = None


@dataclass
class Customer:
    phone: str
    name: str
    lid: str | None = None
    addressing: str = "pn"  # or "lid": known by both, or "lid_only"
    picture: bytes | None = None
    received: list[Received] = field(default_factory=list)


@dataclass
class Stored:
    record: Json
    row: str
    updates: list[str] = field(default_factory=list)
    file: bytes | None = None


@dataclass
class Instance:
    name: str
    token: str
    number: str
    integration: str = "WHATSAPP-BAILEYS"
    state: str = "open"
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    webhook: Json | None = None
    webhook_row: str = field(default_factory=payloads.row_id)
    webhook_base64: bool = False  # Evolution looks at this flag only when it connects
    stored: dict[str, Stored] = field(default_factory=dict)
    groups: dict[str, Json] = field(default_factory=dict)
    codes: int = 0

    @property
    def jid(self) -> str:
        return f"{self.number}@s.whatsapp.net"


def same_person(phone: str) -> str:
    """Brazil's ninth digit makes no other person."""
    digits = "".join(filter(str.isdigit, phone.partition("@")[0].partition(":")[0]))
    return digits[:4] + digits[5:] if len(digits) == 13 and digits.startswith("55") else digits
