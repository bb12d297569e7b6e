"""The objects that events show as REST does, and who may see each: the rules that REST has for a GET."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from google.protobuf.descriptor import Descriptor

from gateway.audiences import ANYBODY, Viewers
from protos import campaigns_pb2 as campaigns
from protos import identity_pb2 as identity
from protos import knowledge_pb2 as knowledge
from protos import messaging_pb2 as messaging
from protos import sales_pb2 as sales

EVERY_AGENT: Viewers = frozenset({ANYBODY})
LEADERS: Viewers = frozenset()


def whoever_has_it(conversation: messaging.Conversation) -> Viewers:
    return frozenset({conversation.assigned_to}) if conversation.HasField("assigned_to") else EVERY_AGENT


def its_owner(lead: sales.Lead) -> Viewers:
    return frozenset({lead.assigned_to}) - {ANYBODY}


def whose_it_is_or_was(escalation: campaigns.Escalation) -> Viewers:
    """And what waits for anybody."""
    if escalation.status == "pending" and not escalation.escalated_to:
        return EVERY_AGENT
    return frozenset({escalation.escalated_to, escalation.original_agent_id}) - {ANYBODY}


def who_made_it_or_attends(meeting: campaigns.Meeting) -> Viewers:
    return frozenset({meeting.created_by, *meeting.attendees}) - {ANYBODY}


def all_while_it_is_used(entry: knowledge.Entry) -> Viewers:
    return EVERY_AGENT if entry.is_active else LEADERS


def everyone(_: Any) -> Viewers:
    return EVERY_AGENT


def leaders(_: Any) -> Viewers:
    return LEADERS


@dataclass(frozen=True, slots=True)
class Object:
    """`viewers` are the agents who may see it; None: those who may see its conversation."""

    shape: Any  # the message that REST shows
    viewers: Callable[[Any], Viewers] | None

    @property
    def service(self) -> str:
        return str(self.shape.DESCRIPTOR.file.package).split(".")[1]


# An event holds the id in the field `<name>_id`; GetCurrent of the service takes `<name>_ids`.
OBJECTS: dict[str, Object] = {
    "conversation": Object(messaging.Conversation, whoever_has_it),
    "contact": Object(messaging.Contact, None),
    "message": Object(messaging.Message, None),
    "note": Object(messaging.Note, None),
    "instance": Object(messaging.Instance, everyone),
    "lead": Object(sales.Lead, its_owner),
    "campaign": Object(campaigns.Campaign, everyone),
    "escalation": Object(campaigns.Escalation, whose_it_is_or_was),
    "meeting": Object(campaigns.Meeting, who_made_it_or_attends),
    "notification": Object(campaigns.Notification, everyone),  # its event is for its person alone
    "entry": Object(knowledge.Entry, all_while_it_is_used),
    "user": Object(identity.User, leaders),
    "invite": Object(identity.TeamInvite, leaders),
}
RULES = {one.shape.DESCRIPTOR.full_name: one.viewers for one in OBJECTS.values() if one.viewers}
BESIDE = ("message", "note", "escalation")  # shown wherever an event names them
BY_NAME: dict[str, tuple[str, ...]] = {"campaigns.notification_added": ("notification",)}


def of(name: str, descriptor: Descriptor) -> tuple[str, ...]:
    """What an event shows: what it is about, which its first field names, and what it names besides."""
    if name in BY_NAME:
        return BY_NAME[name]
    fields = descriptor.fields_by_name
    about = descriptor.fields[0].name.removesuffix("_id")
    subjects = ("contact", "conversation") if about == "contact" else (about,)
    besides = (one for one in BESIDE if f"{one}_id" in fields)
    return tuple(one for one in (*subjects, *besides) if one in OBJECTS and one not in fields)


def as_agents_see(message: messaging.Message) -> messaging.Message | None:
    """Nothing of internal notes; of what was taken back, that it was."""
    if message.is_internal:
        return None
    if not message.HasField("deleted_at"):
        return message
    emptied = messaging.Message()
    emptied.CopyFrom(message)
    for name in ("content", "original_content", "media_url", "media_download_url", "audio_transcription"):
        emptied.ClearField(name)
    return emptied
