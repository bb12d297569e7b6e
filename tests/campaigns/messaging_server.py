"""Messaging as campaigns sees it: a send gate with an honest ledger, chats, and bad days."""

import asyncio
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.message import Message

from protos import messaging_pb2 as pb
from protos.messaging_pb2_grpc import MessagingServicer
from services.kit.clock import now, parse, rfc3339
from services.kit.errors import NotFound, Refusal, Unavailable, to_metadata
from services.kit.tables import new_id

INSTANCE = new_id()
OTHER_INSTANCE = new_id()


@dataclass
class Trouble:
    """The next calls of a method fail, before or after they took effect."""

    method: str
    times: int
    after_effect: bool = False


@dataclass
class Chat:
    """One conversation."""

    id: str = field(default_factory=new_id)
    contact_id: str = field(default_factory=new_id)
    name: str = "Ana"
    mode: str = "ai"
    status: str = "active"
    assigned_to: str | None = None
    sector_id: str | None = None
    sentiment: str | None = None
    unanswered_since: str | None = None
    is_hidden: bool = False  # from people; services see it
    messages: list[pb.Message] = field(default_factory=list)

    def says(self, text: str) -> pb.MessageReceived:
        """The customer writes; the event that says so."""
        message = pb.Message(id=new_id(), conversation_id=self.id, content=text, timestamp=rfc3339(now()))
        self.messages.append(message)
        self.unanswered_since = self.unanswered_since or message.timestamp
        return self.told_of(message)

    def told_of(self, message: pb.Message) -> pb.MessageReceived:
        return pb.MessageReceived(
            conversation_id=self.id,
            message_id=message.id,
            contact_id=self.contact_id,
            instance_id=INSTANCE,
            content=message.content,
            timestamp=message.timestamp,
            conversation_mode=self.mode,
        )

    def holds(self, message_id: str) -> bool:
        return any(message.id == message_id for message in self.messages)

    def context(self) -> pb.ConversationContext:
        return pb.ConversationContext(
            conversation=pb.Conversation(
                id=self.id,
                contact_id=self.contact_id,
                contact_name=self.name,
                instance_id=INSTANCE,
                conversation_mode=self.mode,
                status=self.status,
                assigned_to=self.assigned_to,
                sector_id=self.sector_id,
                current_sentiment=self.sentiment,
            ),
            contact=pb.Contact(id=self.contact_id, name=self.name, phone_number="5511988887777"),
            messages=self.messages,
            unanswered_since=self.unanswered_since,
        )


class Gate(MessagingServicer):
    """What was queued under a key is handed to the customer at most once; every outcome is an event."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self.connected = {INSTANCE}
        self.contacts: list[pb.AudienceMember] = []
        self.files: dict[str, int] = {}  # their sizes
        self.tagged: dict[str, set[str]] = {}
        self.chats: dict[str, Chat] = {}
        self.queue: dict[str, pb.QueuedMessage] = {}
        self.keys: set[str] = set()
        self.refused: set[str] = set()
        self.ledger: list[pb.QueuedMessage] = []  # what customers got, in order
        self.delivered: list[pb.DeliverRequest] = []
        self.events: list[Message] = []
        self.troubles: list[Trouble] = []
        self.calls: Counter[str] = Counter()
        self.requests: list[Any] = []
        self.slow = 0.0

    def add_contacts(self, count: int, *, time_zone: str | None = None) -> list[str]:
        """In the order of their ids."""
        start = len(self.contacts)
        members = [
            pb.AudienceMember(
                contact_id=f"00000000-0000-4000-8000-{number:012d}",
                phone_number=f"55119{number:08d}",
                name=f"Cliente {number}",
                time_zone=time_zone,
            )
            for number in range(start, start + count)
        ]
        self.contacts.extend(members)
        return [member.contact_id for member in members]

    def open(self, chat: Chat) -> Chat:
        self.chats[chat.id] = chat
        return chat

    def send_queued(self, count: int = 1_000_000) -> int:
        """Hand this many messages to customers, oldest first."""
        waiting = [one for one in self.queue.values() if one.instance_id in self.connected][:count]
        for message in waiting:
            del self.queue[message.key]
            if message.HasField("not_after") and now() >= parse(message.not_after):
                self._drop(message, "expired")
                continue
            self.ledger.append(message)
            self.events.append(_sent(message))
        return len(waiting)

    def drop_queued(self, reason: str) -> None:
        for message in [*self.queue.values()]:
            del self.queue[message.key]
            self._drop(message, reason)

    def texts_to(self, contact_id: str) -> list[str]:
        return [message.content for message in self.ledger if message.contact_id == contact_id]

    def doubled(self) -> list[str]:
        """Who got the same campaign twice."""
        counts = Counter(message.contact_id for message in self.ledger)
        return [contact for contact, count in counts.items() if count > 1]

    async def CheckInstances(self, request: Any, call: Any) -> Any:
        await self._begin("CheckInstances", request, call)
        known = {INSTANCE: "Atendimento", OTHER_INSTANCE: "Vendas"}
        wanted = [*request.ids] or [id for id in known if id in self.connected]
        found = [
            pb.InstanceHealth(id=id, name=known[id], connected=id in self.connected)
            for id in wanted
            if id in known
        ]
        return await self._end("CheckInstances", call, pb.CheckInstancesResponse(instances=found))

    async def ResolveAudience(self, request: Any, call: Any) -> Any:
        await self._begin("ResolveAudience", request, call)
        found = self._eligible(request)
        if request.count_only:
            return pb.ResolveAudienceResponse(count=len(found))
        start = bisect_right(found, request.after, key=lambda member: member.contact_id)
        page = found[start : start + (request.limit or 1000)]
        reply = pb.ResolveAudienceResponse(members=page, has_more=start + len(page) < len(found))
        return await self._end("ResolveAudience", call, reply)

    async def QueueMessages(self, request: Any, call: Any) -> Any:
        await self._begin("QueueMessages", request, call)
        if self.slow:
            await asyncio.sleep(self.slow)
        refused = [message.key for message in request.messages if message.key in self.refused]
        for message in request.messages:
            if message.key not in self.keys and message.key not in self.refused:
                self.keys.add(message.key)
                self.queue[message.key] = message
        return await self._end("QueueMessages", call, pb.QueueMessagesResponse(refused_keys=refused))

    async def CancelQueued(self, request: Any, call: Any) -> Any:
        await self._begin("CancelQueued", request, call)
        never = []
        for key in request.keys:
            if key in self.queue or key not in self.keys or key in self.refused:
                self.queue.pop(key, None)
                self.refused.add(key)
                never.append(key)
        return await self._end("CancelQueued", call, pb.CancelQueuedResponse(keys=never))

    async def Deliver(self, request: Any, call: Any) -> Any:
        await self._begin("Deliver", request, call)
        if request.key not in self.keys:
            self.keys.add(request.key)
            self.delivered.append(request)
        return await self._end("Deliver", call, pb.DeliverResponse(accepted=True))

    async def GetContext(self, request: Any, call: Any) -> Any:
        await self._begin("GetContext", request, call)
        holder = next((one.id for one in self.chats.values() if one.holds(request.message_id)), None)
        chat = await self._chat(holder or request.conversation_id, call)
        if chat.is_hidden and "authorization" in dict(call.invocation_metadata()):
            await _abort(call, NotFound("Conversation not found"))
        return await self._end("GetContext", call, chat.context())

    async def GetContact(self, request: Any, call: Any) -> Any:
        await self._begin("GetContact", request, call)
        for chat in self.chats.values():
            if chat.contact_id == request.id:
                return pb.Contact(id=chat.contact_id, instance_id=INSTANCE, name=chat.name)
        return await _abort(call, NotFound("Contact not found"))

    async def GetFile(self, request: Any, call: Any) -> Any:
        await self._begin("GetFile", request, call)
        if request.key not in self.files:
            await _abort(call, NotFound("File not found"))
        return pb.DownloadResponse(size=self.files[request.key])

    async def SetMode(self, request: Any, call: Any) -> Any:
        await self._begin("SetMode", request, call)
        chat = await self._chat(request.id, call)
        if chat.mode != request.mode:
            changed = pb.ConversationModeChanged(
                conversation_id=chat.id, old_mode=chat.mode, mode=request.mode
            )
            self.events.append(changed)
        chat.mode = request.mode
        return await self._end("SetMode", call, pb.ConversationResponse(success=True))

    async def AssignConversation(self, request: Any, call: Any) -> Any:
        await self._begin("AssignConversation", request, call)
        chat = await self._chat(request.id, call)
        assignee = request.assigned_to or None
        if chat.assigned_to != assignee:
            self.events.append(
                pb.ConversationAssigned(
                    conversation_id=chat.id,
                    assigned_from=chat.assigned_to,
                    assigned_to=assignee,
                    assigned_by="campaigns",
                )
            )
        chat.assigned_to = assignee
        return await self._end("AssignConversation", call, pb.ConversationResponse(success=True))

    def _eligible(self, request: Any) -> Sequence[pb.AudienceMember]:
        if not (request.contact_ids or request.exclude_contact_ids or request.tags):
            return self.contacts
        wanted, excluded = set(request.contact_ids), set(request.exclude_contact_ids)
        tagged = set().union(*(self.tagged.get(tag, set()) for tag in request.tags))
        return [
            member
            for member in self.contacts
            if (not wanted or member.contact_id in wanted)
            and member.contact_id not in excluded
            and (not request.tags or member.contact_id in tagged)
        ]

    def _drop(self, message: pb.QueuedMessage, reason: str) -> None:
        self.events.append(
            pb.QueuedMessageDropped(key=message.key, correlation_id=message.correlation_id, reason=reason)
        )

    async def _chat(self, id: str, call: Any) -> Chat:
        if id not in self.chats:
            await _abort(call, NotFound("Conversation not found"))
        return self.chats[id]

    async def _begin(self, method: str, request: Message, call: Any) -> None:
        self.calls[method] += 1
        self.requests.append(request)
        await self._fail(method, call, after_effect=False)

    async def _end(self, method: str, call: Any, reply: Any) -> Any:
        await self._fail(method, call, after_effect=True)
        return reply

    async def _fail(self, method: str, call: Any, *, after_effect: bool) -> None:
        for trouble in self.troubles:
            if trouble.method == method and trouble.times and trouble.after_effect == after_effect:
                trouble.times -= 1
                await _abort(call, Unavailable())


def status(message: pb.QueuedMessage, value: str, *, error: str | None = None) -> pb.MessageStatusChanged:
    """What WhatsApp says of a message that was handed to it."""
    return pb.MessageStatusChanged(
        conversation_id=message.contact_id,
        message_id=_id_of(message),
        provider_message_id=f"WA-{message.key}",
        old_status="sent",
        status=value,
        origin="campaign",
        correlation_id=message.correlation_id,
        error=error,
    )


def _sent(message: pb.QueuedMessage) -> pb.MessageSent:
    return pb.MessageSent(
        conversation_id=message.contact_id,
        message_id=_id_of(message),
        provider_message_id=f"WA-{message.key}",
        contact_id=message.contact_id,
        instance_id=message.instance_id,
        timestamp=rfc3339(now()),
        origin="campaign",
        correlation_id=message.correlation_id,
    )


def _id_of(message: pb.QueuedMessage) -> str:
    return message.key.split(":")[1]


async def _abort(call: Any, refusal: Refusal) -> Any:
    await call.abort(refusal.grpc, refusal.message, to_metadata(refusal))
