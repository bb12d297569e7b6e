"""Whom knowledge asks: intelligence, how much the AI agent has to learn from."""

from typing import TYPE_CHECKING

from protos.intelligence_pb2_grpc import IntelligenceStub
from services.kit.db import Database
from services.kit.peers import Peer, connect
from services.kit.tokens import Callers
from services.knowledge.settings import KnowledgeSettings

if TYPE_CHECKING:
    from protos.intelligence_pb2_grpc import IntelligenceAsyncStub

intelligence: "IntelligenceAsyncStub"


async def start(settings: KnowledgeSettings, _: Database, callers: Callers) -> None:
    global intelligence
    intelligence = connect(IntelligenceStub, Peer("intelligence", settings.intelligence_addr, callers))
