"""The services that intelligence calls: stubs made when the service starts."""

from typing import TYPE_CHECKING

from protos.identity_pb2_grpc import IdentityStub
from protos.knowledge_pb2_grpc import KnowledgeStub
from protos.messaging_pb2_grpc import MessagingStub
from protos.sales_pb2_grpc import SalesStub
from services.intelligence.settings import IntelligenceSettings
from services.kit.peers import Peer, connect
from services.kit.tokens import Callers

if TYPE_CHECKING:
    from protos.identity_pb2_grpc import IdentityAsyncStub
    from protos.knowledge_pb2_grpc import KnowledgeAsyncStub
    from protos.messaging_pb2_grpc import MessagingAsyncStub
    from protos.sales_pb2_grpc import SalesAsyncStub

identity: "IdentityAsyncStub"
messaging: "MessagingAsyncStub"
knowledge: "KnowledgeAsyncStub"
sales: "SalesAsyncStub"


def open_channels(settings: IntelligenceSettings, callers: Callers) -> None:
    global identity, messaging, knowledge, sales
    identity = connect(IdentityStub, Peer("identity", settings.identity_addr, callers))
    messaging = connect(MessagingStub, Peer("messaging", settings.messaging_addr, callers))
    knowledge = connect(KnowledgeStub, Peer("knowledge", settings.knowledge_addr, callers))
    sales = connect(SalesStub, Peer("sales", settings.sales_addr, callers))
