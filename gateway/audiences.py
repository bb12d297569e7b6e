"""Who is shown an event: decided by what the event is about, which its first field names."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf.descriptor import Descriptor

ANYBODY = ""  # among the viewers of what every agent may see

Viewers = frozenset[str]  # the agents who may see something; administrators and supervisors always may
Seen = Mapping[str, Viewers]  # by id, as it is now; what is not in it is not known, and not for agents


@dataclass(frozen=True, slots=True)
class Listener:
    id: str
    role: str

    @property
    def leads(self) -> bool:
        return self.role in ("admin", "supervisor")


@dataclass(frozen=True, slots=True)
class About:
    """What an audience is decided by."""

    event: Any
    conversation_id: str = ""
    is_internal: bool = False


def everyone(listener: Listener, about: About, seen: Seen) -> bool:
    """Any role."""
    return True


def leaders(listener: Listener, about: About, seen: Seen) -> bool:
    """Administrators and supervisors."""
    return listener.leads


def oneself(listener: Listener, about: About, seen: Seen) -> bool:
    """The person whom it is for."""
    return bool(about.event.user_id == listener.id)


def of_conversation(listener: Listener, about: About, seen: Seen) -> bool:
    """Who may see the conversation; of internal notes, administrators and supervisors."""
    if listener.leads:
        return True
    return not about.is_internal and is_seen(listener, about.conversation_id, seen)


def of_lead(listener: Listener, about: About, seen: Seen) -> bool:
    """Administrators and supervisors; agents where the lead is theirs or was. A lead of nobody is hidden."""
    owners_of_it = (_text(about.event, "assigned_to"), _text(about.event, "previously_assigned_to"))
    return listener.leads or listener.id in owners_of_it


def of_meeting(listener: Listener, about: About, seen: Seen) -> bool:
    """Administrators and supervisors; who attends, who did it, and who may see its conversation."""
    attends = listener.id in about.event.attendees
    return attends or _text(about.event, "by") == listener.id or of_conversation(listener, about, seen)


Audience = Callable[[Listener, About, Seen], bool]

BY_SUBJECT: dict[str, Audience] = {
    "campaign_id": everyone,
    "contact_id": of_conversation,
    "conversation_id": of_conversation,
    "entry_id": everyone,
    "instance_id": everyone,
    "invite_id": leaders,
    "lead_id": of_lead,
    "meeting_id": of_meeting,
    "user_id": leaders,
    "workspace": everyone,
}
BY_NAME: dict[str, Audience | None] = {
    "campaigns.notification_added": oneself,
    "identity.session_revoked": None,
    "identity.user_updated": everyone,
    "intelligence.handoff_prepared": None,
}


def is_seen(agent: Listener, id: str, seen: Seen) -> bool:
    return not seen.get(id, frozenset()).isdisjoint((ANYBODY, agent.id))


def of(name: str, descriptor: Descriptor) -> Audience | None:
    """None: services say it to services. What nobody thought of is shown to nobody."""
    if name.endswith("_due"):
        return None
    if name in BY_NAME:
        return BY_NAME[name]
    return BY_SUBJECT.get(descriptor.fields[0].name)


def lost_sight(listener: Listener, about: About, seen: Seen) -> bool:
    """Whether the event takes from an agent a conversation that was theirs, or in everybody's queue."""
    if "assigned_from" not in about.event.DESCRIPTOR.fields_by_name:
        return False
    before = _text(about.event, "assigned_from")
    return before in ("", listener.id) and not of_conversation(listener, about, seen)


def _text(event: Any, field: str) -> str:
    return str(getattr(event, field, ""))
