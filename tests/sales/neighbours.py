"""Messaging, identity and intelligence as sales meets them: one gRPC server that answers from plain data."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf.message import Message

from protos import identity_pb2, intelligence_pb2, messaging_pb2
from services.kit.errors import NotFound, Refusal, to_metadata

Answer = Callable[[Any], Message]


@dataclass
class Neighbours:
    """What they know, and what they were asked."""

    conversations: dict[str, messaging_pb2.ConversationContext] = field(default_factory=dict)
    contacts: dict[str, messaging_pb2.Contact] = field(default_factory=dict)
    people: set[str] = field(default_factory=set)
    analysis: intelligence_pb2.AnalyzeBantResponse | Refusal = field(default_factory=Refusal)
    analyzed: list[intelligence_pb2.AnalyzeBantRequest] = field(default_factory=list)
    messaging_is_down: Refusal | None = None
    meanwhile: Callable[[], Awaitable[None]] | None = None  # happens while the model thinks

    async def get_context(
        self, request: messaging_pb2.GetContextRequest
    ) -> messaging_pb2.ConversationContext:
        if self.messaging_is_down:
            raise self.messaging_is_down
        known = self.conversations.get(request.conversation_id)
        if known is None:
            raise NotFound("Conversation not found")
        context = messaging_pb2.ConversationContext()
        context.CopyFrom(known)
        del context.messages[: max(0, len(known.messages) - request.limit)]
        return context

    async def get_contact(self, request: messaging_pb2.GetContactRequest) -> messaging_pb2.Contact:
        if request.id not in self.contacts:
            raise NotFound("Contact not found")
        return self.contacts[request.id]

    async def get_people(self, request: identity_pb2.GetPeopleRequest) -> identity_pb2.GetPeopleResponse:
        known = [identity_pb2.User(id=id) for id in request.ids if id in self.people]
        return identity_pb2.GetPeopleResponse(people=known)

    async def analyze_bant(
        self, request: intelligence_pb2.AnalyzeBantRequest
    ) -> intelligence_pb2.AnalyzeBantResponse:
        self.analyzed.append(request)
        if self.meanwhile:
            await self.meanwhile()
        if isinstance(self.analysis, Refusal):
            raise self.analysis
        return self.analysis


@asynccontextmanager
async def serving(neighbours: Neighbours) -> AsyncIterator[str]:
    """Its address."""
    server = grpc.aio.server()
    server.add_generic_rpc_handlers(
        (
            _service(
                messaging_pb2,
                "Messaging",
                GetContext=neighbours.get_context,
                GetContact=neighbours.get_contact,
            ),
            _service(identity_pb2, "Identity", GetPeople=neighbours.get_people),
            _service(intelligence_pb2, "Intelligence", AnalyzeBant=neighbours.analyze_bant),
        )
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield f"127.0.0.1:{port}"
    await server.stop(1)


def _service(
    module: Any, name: str, **methods: Callable[[Any], Awaitable[Message]]
) -> grpc.GenericRpcHandler:
    service = module.DESCRIPTOR.services_by_name[name]
    handlers: dict[str, Any] = {
        method: grpc.unary_unary_rpc_method_handler(
            _answering(answer),
            getattr(module, service.methods_by_name[method].input_type.name).FromString,
            lambda reply: reply.SerializeToString(),
        )
        for method, answer in methods.items()
    }
    return grpc.method_handlers_generic_handler(service.full_name, handlers)


def _answering(answer: Callable[[Any], Awaitable[Message]]) -> Callable[[Any, Any], Awaitable[Message]]:
    async def method(request: Any, call: Any) -> Message:
        try:
            return await answer(request)
        except Refusal as refusal:
            await call.abort(refusal.grpc, refusal.message, to_metadata(refusal))
        raise AssertionError("abort raises")

    return method
