"""The services that campaigns asks: stubs made when the service starts."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from protos.identity_pb2_grpc import IdentityStub
from protos.intelligence_pb2_grpc import IntelligenceStub
from protos.messaging_pb2_grpc import MessagingStub
from protos.sales_pb2_grpc import SalesStub
from services.campaigns.settings import Settings
from services.kit import context
from services.kit.db import Database
from services.kit.peers import Peer, connect
from services.kit.tokens import Callers

if TYPE_CHECKING:
    from protos.identity_pb2_grpc import IdentityAsyncStub
    from protos.intelligence_pb2_grpc import IntelligenceAsyncStub
    from protos.messaging_pb2_grpc import MessagingAsyncStub
    from protos.sales_pb2_grpc import SalesAsyncStub

identity: "IdentityAsyncStub"
intelligence: "IntelligenceAsyncStub"
messaging: "MessagingAsyncStub"
sales: "SalesAsyncStub"


async def start(settings: Settings, _: Database, callers: Callers) -> None:
    global identity, intelligence, messaging, sales
    identity = connect(IdentityStub, Peer("identity", settings.identity_addr, callers))
    intelligence = connect(IntelligenceStub, Peer("intelligence", settings.intelligence_addr, callers))
    messaging = connect(MessagingStub, Peer("messaging", settings.messaging_addr, callers))
    sales = connect(SalesStub, Peer("sales", settings.sales_addr, callers))


@contextmanager
def in_our_own_name() -> Iterator[None]:
    """What follows from a person's decision may be more than that person may do: leave her token out."""
    before = context.current()
    context.enter(replace(before, token=None))
    try:
        yield
    finally:
        context.enter(before)
