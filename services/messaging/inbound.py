"""What WhatsApp tells us, in our own words: plain values without a trace of the gateway's JSON."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


class Malformed(Exception):
    """A body that nothing can be made of. `reason` is one of our own words: never a part of the body.

    `instance` is whose it is, where at least that can be read.
    """

    def __init__(self, reason: str, instance: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.instance = instance


@dataclass(frozen=True, slots=True)
class Participant:
    """Who, of the members of a group."""

    jid: str
    phone: str | None = None
    lid: str | None = None


@dataclass(frozen=True, slots=True)
class Chat:
    """Where it happened: a person, known by phone, by privacy id (lid) or by both, or a group."""

    jid: str
    phone: str | None = None
    lid: str | None = None
    group: str | None = None

    @property
    def is_group(self) -> bool:
        return self.group is not None

    @property
    def phone_number(self) -> str:
        """The contact's key: the phone, else the whole lid; for a group the local part of its id."""
        if self.group is not None:
            return self.group.partition("@")[0]
        return self.phone or self.lid or self.jid


@dataclass(frozen=True, slots=True)
class Media:
    """What is known about a file before anybody has fetched it."""

    mimetype: str | None = None
    file_name: str | None = None
    size: int | None = None
    sha256: str | None = None
    base64: str | None = None
    url: str | None = None
    external_id: str | None = None


PHONES = ("android", "ios", "desktop")  # where a person typed it; what this system sends comes from `web`


@dataclass(frozen=True, slots=True)
class Message:
    external_id: str
    chat: Chat
    from_me: bool
    message_type: str
    content: str
    status: str
    sent_at: datetime | None = None
    push_name: str | None = None
    participant: Participant | None = None
    quoted_id: str | None = None
    media: Media | None = None
    transcription: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    source: str | None = None
    echo: bool = False


@dataclass(frozen=True, slots=True)
class StatusUpdate:
    """`external_ids` are to be tried in order: later ones may be the gateway's own row ids.

    `rejected`: WhatsApp took the message first and gave it up for good later, as the cloud channel tells.
    """

    external_ids: tuple[str, ...]
    status: str
    from_me: bool
    played: bool = False
    rejected: bool = False
    chat: Chat | None = None
    participant: Participant | None = None


@dataclass(frozen=True, slots=True)
class Edit:
    external_id: str
    content: str
    edited_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Deletion:
    external_id: str


@dataclass(frozen=True, slots=True)
class Reaction:
    """An empty `emoji` takes the reaction back. `reactor_jid` is None where it was ourselves."""

    external_id: str
    target_id: str
    emoji: str
    chat: Chat
    from_me: bool
    reactor_jid: str | None = None
    reacted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ConnectionUpdate:
    status: str
    state: str
    reason: int | None = None
    phone: str | None = None
    profile_name: str | None = None
    profile_picture_url: str | None = None


@dataclass(frozen=True, slots=True)
class QrCode:
    base64: str | None
    code: str | None
    pairing_code: str | None


@dataclass(frozen=True, slots=True)
class ContactUpdate:
    chat: Chat
    push_name: str | None
    profile_picture_url: str | None


@dataclass(frozen=True, slots=True)
class GroupUpdate:
    chat: Chat
    subject: str
    picture_url: str | None = None


@dataclass(frozen=True, slots=True)
class History:
    """Messages from before the connection: never a reason to notify, to count as unread or to answer."""

    messages: tuple[Message, ...]
    is_latest: bool | None = None


@dataclass(frozen=True, slots=True)
class Ignored:
    reason: str


Item = (
    Message
    | StatusUpdate
    | Edit
    | Deletion
    | Reaction
    | ConnectionUpdate
    | QrCode
    | ContactUpdate
    | GroupUpdate
    | History
    | Ignored
)


@dataclass(frozen=True, slots=True)
class Envelope:
    """`told_at` is the gateway's own wall clock, in no known time zone: good for order, never for time."""

    event: str
    instance: str
    instance_external_id: str | None
    items: tuple[Item, ...]
    told_at: datetime | None = None
