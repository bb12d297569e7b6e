"""Events as clients see them: with the objects they are about, as these are now, to whom REST shows them."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID

import orjson
from google.protobuf.descriptor import Descriptor
from google.protobuf.message_factory import GetMessageClass
from nats.aio.msg import Msg

from gateway import audiences, catalogue, objects, wire
from gateway.audiences import About, Audience, Listener, Viewers
from gateway.stream import place
from protos import campaigns_pb2, identity_pb2, knowledge_pb2, messaging_pb2, sales_pb2
from protos.campaigns_pb2_grpc import CampaignsStub
from protos.identity_pb2_grpc import IdentityStub
from protos.knowledge_pb2_grpc import KnowledgeStub
from protos.messaging_pb2 import Conversation, Message
from protos.messaging_pb2_grpc import MessagingStub
from protos.sales_pb2_grpc import SalesStub
from services.kit.bus import AGAIN
from services.kit.errors import Refusal
from services.kit.log import log
from services.kit.peers import Peer, connect

REMEMBERED = 50_000
END = b"}\n\n"
PATIENCE = 2.0  # seconds that an event waits for what it may do without
BY_CONVERSATION = (audiences.of_conversation, audiences.of_meeting)
ASKED: dict[str, tuple[Any, Any]] = {
    "identity": (IdentityStub, identity_pb2.GetCurrentRequest),
    "messaging": (MessagingStub, messaging_pb2.GetCurrentRequest),
    "sales": (SalesStub, sales_pb2.GetCurrentRequest),
    "campaigns": (CampaignsStub, campaigns_pb2.GetCurrentRequest),
    "knowledge": (KnowledgeStub, knowledge_pb2.GetCurrentRequest),
}


@dataclass(frozen=True, slots=True)
class Part:
    """An object in an event: in full, as agents see it, and as it looks to those who may not see it."""

    decided_by: str  # the id of what decides which agents see it
    whole: bytes
    for_agents: bytes
    hidden: bytes


@dataclass(frozen=True, slots=True)
class Told:
    """An event ready to be sent: with what the listener may see, or bare to those who lose sight of it."""

    sequence: int
    about: About
    audience: Audience
    start: bytes
    parts: tuple[Part, ...]
    bare: bytes

    @property
    def size(self) -> int:
        return len(self.start) + sum(len(part.whole) for part in self.parts)


@dataclass(frozen=True)
class Kind:
    name: str
    message: Any
    audience: Audience
    shows: tuple[str, ...]


class Sight:
    """Who may see what, as far as this process knows."""

    def __init__(self, peers: Mapping[str, Peer]) -> None:
        self.stubs = {name: connect(stub, peers[name]) for name, (stub, _) in ASKED.items()}
        self.viewers: dict[str, Viewers] = {}
        self._as_of: dict[str, str] = {}

    def of(self, listener: Listener, told: Told) -> bytes | None:
        """What this listener gets of an event, by what is known at this moment."""
        if told.audience(listener, told.about, self.viewers):
            return b"".join((told.start, *(self._part(listener, part) for part in told.parts), END))
        return told.bare if audiences.lost_sight(listener, told.about, self.viewers) else None

    def _part(self, listener: Listener, part: Part) -> bytes:
        if listener.leads:
            return part.whole
        may_see = audiences.is_seen(listener, part.decided_by, self.viewers)
        return part.for_agents if may_see else part.hidden

    async def take(self, batch: Iterable[Msg]) -> list[Told]:
        """The events that are for clients."""
        found = [(one, kind, kind.message.FromString(one.data)) for one in batch if (kind := _kind(one))]
        wanted: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        for _, kind, event in found:
            decides = ("conversation",) if kind.audience in BY_CONVERSATION else ()
            for name in (*kind.shows, *decides):
                if id := _id(event, name):
                    wanted[objects.OBJECTS[name].service][f"{name}_ids"].add(id)
        replies = await asyncio.gather(*(self._ask(service, ids) for service, ids in wanted.items()))
        current = Current(reply for reply in replies if reply is not None)
        self._remember(current)
        self._forget(
            id for ids in wanted.values() for some in ids.values() for id in some - current.by_id.keys()
        )
        return [_told(one, kind, event, current) for one, kind, event in found]

    async def _ask(self, service: str, ids: Mapping[str, Iterable[str]]) -> Any:
        """None while the service is away. For who may see it is waited: while it is not known, to nobody."""
        request = ASKED[service][1](**ids)
        decides = bool({"conversation_ids", "contact_ids"} & {*ids})
        while True:
            try:
                return await self.stubs[service].GetCurrent(request, timeout=None if decides else PATIENCE)
            except Refusal as refusal:
                log.warning("sight_waits", service=service, error=refusal.name)
                if not decides:
                    return None
                await asyncio.sleep(0.5)

    def _remember(self, current: "Current") -> None:
        """Answers may come in another order than they were read."""
        for one in current.by_id.values():
            rule = objects.RULES.get(one.DESCRIPTOR.full_name)
            if rule is None:
                continue
            at = getattr(one, "updated_at", "")
            known = self._as_of.pop(one.id, "")
            if at >= known:
                self.viewers[one.id] = rule(one)
            self._as_of[one.id] = max(at, known)
        while len(self._as_of) > REMEMBERED:
            oldest = next(iter(self._as_of))
            del self._as_of[oldest]
            self.viewers.pop(oldest, None)

    def _forget(self, unanswered: Iterable[str]) -> None:
        """What is gone, or cannot be asked for: agents are not shown what was told of it before either."""
        for id in unanswered:
            self.viewers.pop(id, None)


class Current:
    """What the services answered, by id."""

    def __init__(self, replies: Iterable[Any]) -> None:
        lists = [several for reply in replies for _, several in reply.ListFields()]
        self.by_id = {one.id: one for several in lists for one in several}
        conversations = (one for one in self.by_id.values() if isinstance(one, Conversation))
        self.by_contact = {one.contact_id: one for one in conversations}

    def of(self, event: Any, name: str) -> Any:
        found = self.by_id.get(_id(event, name))
        if found is None and name == "conversation":
            return self.by_contact.get(_id(event, "contact"))
        return found


def _told(message: Msg, kind: Kind, event: Any, current: Current) -> Told:
    headers = message.headers or {}
    data = {
        **wire.dump(event),
        "eventId": headers.get("ce-id"),
        "occurredAt": headers.get("ce-time"),
    }
    conversation, written = current.of(event, "conversation"), current.of(event, "message")
    about = About(
        event,
        conversation.id if conversation else "",
        is_internal=written is not None and written.is_internal,
    )
    few = {name: data[name] for name in ("conversationId", "eventId", "occurredAt") if name in data}
    sequence = place(message)
    return Told(
        sequence,
        about,
        kind.audience,
        start=_start(sequence, kind.name, data),
        parts=tuple(_part(name, current.of(event, name), about) for name in kind.shows),
        bare=_start(sequence, kind.name, few | dict.fromkeys(kind.shows)) + END,
    )


def _part(name: str, shown: Any, about: About) -> Part:
    hidden = whole = for_agents = _member(name, None)
    if shown is not None:
        whole = for_agents = _member(name, shown)
        if isinstance(shown, Message) and (shown.is_internal or shown.HasField("deleted_at")):
            for_agents = _member(name, objects.as_agents_see(shown))
    has_rule = objects.OBJECTS[name].viewers is not None
    decided_by = shown.id if shown and has_rule else getattr(shown, "conversation_id", about.conversation_id)
    return Part(decided_by, whole, for_agents, hidden)


def _member(name: str, shown: Any) -> bytes:
    return b',"%s":%s' % (name.encode(), orjson.dumps(shown and wire.dump(shown)))


def _start(sequence: int, name: str, data: dict[str, Any]) -> bytes:
    """Up to where the objects follow."""
    return b"id: %d\nevent: %s\ndata: %s" % (sequence, name.encode(), orjson.dumps(data)[:-1])


def _kind(message: Msg) -> Kind | None:
    """None for what is not for clients, and for what they were told before the stream was lost."""
    headers = message.headers or {}
    descriptor = None if AGAIN in headers else catalogue.events().get(headers.get("ce-type", ""))
    return _known(descriptor) if descriptor else None


@cache
def _known(descriptor: Descriptor) -> Kind:
    name = catalogue.name(descriptor.full_name)
    audience = audiences.of(name, descriptor)
    assert audience
    return Kind(name, GetMessageClass(descriptor), audience, objects.of(name, descriptor))


def _id(event: Any, name: str) -> str:
    """The id that an event says of something; nothing where it says none."""
    text = str(getattr(event, f"{name}_id", ""))
    try:
        return str(UUID(text)) if text else ""
    except ValueError:
        return ""
