"""Messaging as intelligence sees it, from plain data: conversations, their messages, and who has the turn."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import grpc
import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from protos import identity_pb2, sales_pb2
from protos import messaging_pb2 as pb
from protos.identity_pb2_grpc import IdentityServicer, add_IdentityServicer_to_server
from protos.knowledge_pb2_grpc import add_KnowledgeServicer_to_server
from protos.messaging_pb2_grpc import MessagingServicer, add_MessagingServicer_to_server
from protos.sales_pb2_grpc import SalesServicer, add_SalesServicer_to_server
from services.intelligence import peers
from services.intelligence.settings import IntelligenceSettings
from services.kit.clock import now, parse, rfc3339
from services.kit.db import Database
from services.kit.errors import NotFound, to_metadata
from services.kit.tables import new_id
from services.kit.tokens import Callers, People
from services.knowledge.rpc import Knowledge

INSTANCE = new_id()


@dataclass
class Chat:
    """One conversation. `id`, contact and sector are its own, so that tests do not meet."""

    mode: str = "ai"
    status: str = "active"
    is_group: bool = False
    name: str = "Ana"
    id: str = field(default_factory=new_id)
    contact_id: str = field(default_factory=new_id)
    sector_id: str = field(default_factory=new_id)
    messages: list[pb.Message] = field(default_factory=list)
    customer_messages: int = 0

    def says(self, text: str, *, kind: str = "text", transcription: str | None = None) -> pb.MessageReceived:
        """The customer writes; the event that says so."""
        message = self._add(text, "customer", kind=kind, transcription=transcription)
        self.customer_messages += 1
        return pb.MessageReceived(
            conversation_id=self.id,
            message_id=message.id,
            contact_id=self.contact_id,
            instance_id=INSTANCE,
            message_type=kind,
            content=text,
            timestamp=message.timestamp,
            is_group=self.is_group,
            conversation_mode=self.mode,
            customer_message_count=self.customer_messages,
            contact_name=self.name,
            received_at=rfc3339(now() - timedelta(seconds=5)),
        )

    def hears(self, text: str, *, origin: str = "human", sent_by: str | None = None) -> pb.Message:
        return self._add(text, origin, sent_by=sent_by)

    def _add(
        self,
        text: str,
        origin: str,
        *,
        kind: str = "text",
        transcription: str | None = None,
        sent_by: str | None = None,
    ) -> pb.Message:
        ours = origin != "customer"
        at = rfc3339(now())
        if self.messages and at <= self.messages[-1].created_at:  # within a millisecond nobody answers
            at = rfc3339(parse(self.messages[-1].created_at) + timedelta(milliseconds=1))
        message = pb.Message(
            id=new_id(),
            conversation_id=self.id,
            content=text,
            message_type=kind,
            is_from_me=ours,
            status="sent" if ours else "received",
            timestamp=at,
            created_at=at,
            audio_transcription=transcription,
            origin=origin,
            from_bot=origin == "ai",
            sent_by=sent_by,
        )
        self.messages.append(message)
        return message

    def holds(self, message_id: str) -> bool:
        return any(message.id == message_id for message in self.messages)

    @property
    def heard(self) -> list[str]:
        """What the customer got from the AI."""
        return [message.content for message in self.messages if message.origin == "ai"]


class Desk(MessagingServicer, IdentityServicer, SalesServicer):  # type: ignore[misc]  # GetCurrent of each
    def __init__(self) -> None:
        self.chats: dict[str, Chat] = {}
        self.sent: dict[str, pb.Message] = {}
        self.reset()

    def reset(self) -> None:
        self.config: dict[str, Any] = {}
        self.won: set[str] = set()
        self.status = "sent"
        self.loses_answers = False

    def chat(self, **given: Any) -> Chat:
        chat = Chat(**given)
        self.chats[chat.id] = chat
        return chat

    def merge(self, kept: Chat, gone: Chat) -> pb.ConversationMerged:
        """The event that says so."""
        kept.messages = sorted([*kept.messages, *gone.messages], key=lambda one: (one.timestamp, one.id))
        for message in kept.messages:
            message.conversation_id = kept.id
        del self.chats[gone.id]
        return pb.ConversationMerged(
            conversation_id=kept.id,
            gone_conversation_id=gone.id,
            contact_id=kept.contact_id,
            gone_contact_id=gone.contact_id,
        )

    async def GetContext(self, request: pb.GetContextRequest, call: Any) -> pb.ConversationContext:
        holder = next((one.id for one in self.chats.values() if one.holds(request.message_id)), None)
        chat = await self._find(holder or request.conversation_id, call)
        customers = [message for message in chat.messages if not message.is_from_me]
        shown = customers if request.inbound_only else chat.messages
        return pb.ConversationContext(
            conversation=pb.Conversation(
                id=chat.id,
                contact_id=chat.contact_id,
                contact_name=chat.name,
                status=chat.status,
                conversation_mode=chat.mode,
                is_group=chat.is_group,
                sector_id=chat.sector_id,
                instance_id=INSTANCE,
            ),
            contact=pb.Contact(id=chat.contact_id, name=chat.name),
            messages=shown[-request.limit :] if request.limit else [],
            last_customer_message_id=customers[-1].id if customers else None,
            customer_message_count=len(customers),
        )

    async def Deliver(self, request: pb.DeliverRequest, call: Any) -> pb.DeliverResponse:
        chat = await self._find(request.conversation_id, call)
        if request.key in self.sent:
            return pb.DeliverResponse(accepted=True, message=self.sent[request.key])
        if reason := refusal(chat, request):
            return pb.DeliverResponse(accepted=False, reason=reason)
        message = chat.hears(request.content, origin=request.origin)
        message.status = self.status
        self.sent[request.key] = message
        if self.loses_answers:
            await call.abort(grpc.StatusCode.UNAVAILABLE, "lost")
        return pb.DeliverResponse(accepted=True, message=message)

    async def ReadConfig(
        self, request: identity_pb2.ReadConfigRequest, call: Any
    ) -> identity_pb2.ReadConfigResponse:
        return identity_pb2.ReadConfigResponse(
            values={key: orjson.dumps(value).decode() for key, value in self.config.items()}
        )

    async def FindLead(self, request: sales_pb2.FindLeadRequest, call: Any) -> sales_pb2.FindLeadResponse:
        status = "won" if request.conversation_id in self.won else "new"
        return sales_pb2.FindLeadResponse(lead=sales_pb2.Lead(status=status))

    async def _find(self, id: str, call: Any) -> Chat:
        if id not in self.chats:
            refused = NotFound("Conversation not found")
            await call.abort(refused.grpc, refused.message, to_metadata(refused))
        return self.chats[id]


def refusal(chat: Chat, request: pb.DeliverRequest) -> str | None:
    """As messaging decides: the turn is the AI's only while nobody else wrote."""
    if not request.HasField("answers_message_id"):
        return None
    if chat.status != "active":
        return "conversation_closed"
    if chat.mode != "ai":
        return "human_mode"
    customers = [message for message in chat.messages if not message.is_from_me]
    (answered,) = [message for message in customers if message.id == request.answers_message_id]
    if any(one.is_from_me and one.created_at >= answered.created_at for one in chat.messages):
        return "already_answered"
    return "superseded" if customers[-1] is not answered else None


@asynccontextmanager
async def neighbours(databases: dict[str, Database]) -> AsyncIterator[Desk]:
    """The servers that intelligence calls, at their addresses: a desk, and the real knowledge service."""
    key = Ed25519PrivateKey.generate()
    settings = IntelligenceSettings(
        service_key=base64.b64encode(key.private_bytes_raw()).decode(),
        service_keys={"intelligence": base64.b64encode(key.public_key().public_bytes_raw()).decode()},
    )
    desk = Desk()  # type: ignore[abstract]
    server = grpc.aio.server()
    add_MessagingServicer_to_server(desk, server)
    add_IdentityServicer_to_server(desk, server)
    add_SalesServicer_to_server(desk, server)
    door = Knowledge(databases["knowledge"], Callers("knowledge", settings), People(_unknown))
    add_KnowledgeServicer_to_server(door, server)
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    names = ("messaging_addr", "knowledge_addr", "identity_addr", "sales_addr")
    addressed = settings.model_copy(update=dict.fromkeys(names, address))
    peers.open_channels(addressed, Callers("intelligence", settings))
    yield desk
    await server.stop(None)


async def _unknown() -> str:
    raise AssertionError("no person's token is used here")
