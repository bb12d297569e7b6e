"""Events as clients see them: with the conversation and message they are about, as these are now."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID

import orjson
from google.protobuf.descriptor import Descriptor
from google.protobuf.message_factory import GetMessageClass
from nats.aio.msg import Msg

from gateway import audiences, catalogue, wire
from gateway.audiences import NOBODY, About, Audience, Listener
from gateway.stream import place
from protos.messaging_pb2 import Conversation, GetCurrentRequest, GetCurrentResponse
from protos.messaging_pb2_grpc import MessagingStub
from services.kit.bus import AGAIN
from services.kit.errors import Refusal
from services.kit.log import log
from services.kit.peers import Peer, connect

REMEMBERED = 50_000
BY_CONVERSATION = (audiences.of_conversation, audiences.of_meeting)


@dataclass(frozen=True, slots=True)
class Told:
    """An event ready to be sent: whole, or bare to those who lose sight of what it is about."""

    sequence: int
    about: About
    audience: Audience
    whole: bytes
    bare: bytes


@dataclass(frozen=True)
class Kind:
    name: str
    message: Any
    audience: Audience
    shows: frozenset[str]


class Sight:
    """Who may see what, as far as this process knows."""

    def __init__(self, peer: Peer) -> None:
        self.stub = connect(MessagingStub, peer)
        self.owners: dict[str, str] = {}
        self._as_of: dict[str, str] = {}

    def of(self, listener: Listener, told: Told) -> bytes | None:
        """What this listener gets of an event, by what is known of its conversation at this moment."""
        if told.audience(listener, told.about, self.owners):
            return told.whole
        return told.bare if audiences.lost_sight(listener, told.about, self.owners) else None

    async def take(self, batch: Iterable[Msg]) -> list[Told]:
        """The events that are for clients."""
        found = [(one, kind, kind.message.FromString(one.data)) for one in batch if (kind := _kind(one))]
        wanted = GetCurrentRequest()
        for _, kind, event in found:
            if kind.audience in BY_CONVERSATION:
                wanted.conversation_ids.extend(_ids(event, "conversation_id"))
            if "conversation" in kind.shows and not _ids(event, "conversation_id"):
                wanted.contact_ids.extend(_ids(event, "contact_id"))
            if "message" in kind.shows:
                wanted.message_ids.extend(_ids(event, "message_id"))
        current = await self._current(wanted)
        return [_told(one, kind, event, current) for one, kind, event in found]

    async def _current(self, wanted: GetCurrentRequest) -> "Current":
        """While messaging is away nothing is shown: it is not known to whom."""
        while wanted.conversation_ids or wanted.contact_ids:
            try:
                reply = await self.stub.GetCurrent(wanted)
            except Refusal as refusal:
                log.warning("sight_waits", code=refusal.name)
                await asyncio.sleep(0.5)
            else:
                self._remember(reply.conversations)
                return Current(reply)
        return Current(GetCurrentResponse())

    def _remember(self, conversations: Iterable[Conversation]) -> None:
        """Answers may come in another order than they were read."""
        for one in conversations:
            known = self._as_of.pop(one.id, "")
            if one.updated_at >= known:
                self.owners[one.id] = one.assigned_to if one.HasField("assigned_to") else NOBODY
            self._as_of[one.id] = max(one.updated_at, known)
        while len(self._as_of) > REMEMBERED:
            oldest = next(iter(self._as_of))
            del self._as_of[oldest], self.owners[oldest]


class Current:
    """What messaging answered, by id."""

    def __init__(self, reply: GetCurrentResponse) -> None:
        self.conversations = {one.id: one for one in reply.conversations}
        self.by_contact = {one.contact_id: one for one in reply.conversations}
        self.messages = {one.id: one for one in reply.messages}


def _told(message: Msg, kind: Kind, event: Any, current: Current) -> Told:
    conversation = current.conversations.get(_text(event, "conversation_id"))
    conversation = conversation or current.by_contact.get(_text(event, "contact_id"))
    written = current.messages.get(_text(event, "message_id"))
    headers = message.headers or {}
    data = {
        **wire.dump(event),
        "eventId": headers.get("ce-id"),
        "occurredAt": headers.get("ce-time"),
    }
    objects = {"conversation": conversation, "message": written}
    shown = {name: one and wire.dump(one) for name, one in objects.items() if name in kind.shows}
    few = {name: data[name] for name in ("conversationId", "eventId", "occurredAt") if name in data}
    about = About(
        event,
        conversation.id if conversation else "",
        is_internal=written is not None and written.is_internal,
    )
    sequence = place(message)
    return Told(
        sequence,
        about,
        kind.audience,
        whole=_block(sequence, kind.name, data | shown),
        bare=_block(sequence, kind.name, few | dict.fromkeys(shown)),
    )


def _block(sequence: int, name: str, data: dict[str, Any]) -> bytes:
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (sequence, name.encode(), orjson.dumps(data))


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
    return Kind(name, GetMessageClass(descriptor), audience, frozenset(catalogue.subjects(descriptor)))


def _ids(event: Any, field: str) -> list[str]:
    """The id in a field, where there is one."""
    text = _text(event, field)
    try:
        return [str(UUID(text))] if text else []
    except ValueError:
        return []


def _text(event: Any, field: str) -> str:
    return str(getattr(event, field, ""))
