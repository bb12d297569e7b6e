"""Whom sales asks: messaging about conversations, identity about people, intelligence for findings."""

import time
from typing import TYPE_CHECKING

from protos import identity_pb2, intelligence_pb2, messaging_pb2
from protos.identity_pb2_grpc import IdentityStub
from protos.intelligence_pb2_grpc import IntelligenceStub
from protos.messaging_pb2_grpc import MessagingStub
from services.kit.db import Database
from services.kit.errors import DeadlineExceeded, Unavailable
from services.kit.peers import Peer, connect
from services.kit.tokens import Callers
from services.sales.settings import Settings

if TYPE_CHECKING:
    from protos.identity_pb2_grpc import IdentityAsyncStub
    from protos.intelligence_pb2_grpc import IntelligenceAsyncStub
    from protos.messaging_pb2_grpc import MessagingAsyncStub

QUICK = 3.0
THINKING = 25.0
REST = 30.0  # after an outage of intelligence nobody waits for it again so soon

_identity: "IdentityAsyncStub"
_intelligence: "IntelligenceAsyncStub"
_messaging: "MessagingAsyncStub"
_rests_until = 0.0


async def start(configured: Settings, db: Database, callers: Callers) -> None:
    global _identity, _intelligence, _messaging, _rests_until
    _rests_until = 0.0
    _identity = connect(IdentityStub, Peer("identity", configured.identity_addr, callers))
    _intelligence = connect(IntelligenceStub, Peer("intelligence", configured.intelligence_addr, callers))
    _messaging = connect(MessagingStub, Peer("messaging", configured.messaging_addr, callers))


async def conversation(id: str, *, messages: int) -> messaging_pb2.ConversationContext:
    request = messaging_pb2.GetContextRequest(conversation_id=id, limit=messages)
    return await _messaging.GetContext(request, timeout=QUICK)


async def contact(id: str) -> messaging_pb2.Contact:
    return await _messaging.GetContact(messaging_pb2.GetContactRequest(id=id), timeout=QUICK)


async def is_eligible(user: str) -> bool:
    """Whether this person exists, is approved and is active."""
    request = identity_pb2.GetPeopleRequest(ids=[user], eligible=True)
    return bool((await _identity.GetPeople(request, timeout=QUICK)).people)


async def analyze(request: intelligence_pb2.AnalyzeBantRequest) -> intelligence_pb2.AnalyzeBantResponse:
    global _rests_until
    if time.monotonic() < _rests_until:
        raise Unavailable
    try:
        return await _intelligence.AnalyzeBant(request, timeout=THINKING)
    except (Unavailable, DeadlineExceeded):
        _rests_until = time.monotonic() + REST
        raise
