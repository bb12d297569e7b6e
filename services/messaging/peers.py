"""The services that messaging asks: stubs made when the service starts."""

from typing import TYPE_CHECKING

from protos.identity_pb2_grpc import IdentityStub
from services.kit.db import Database
from services.kit.peers import Peer, connect
from services.kit.tokens import Callers
from services.messaging.settings import MessagingSettings

if TYPE_CHECKING:
    from protos.identity_pb2_grpc import IdentityAsyncStub

identity: "IdentityAsyncStub"


async def start(settings: MessagingSettings, _: Database, callers: Callers) -> None:
    global identity
    identity = connect(IdentityStub, Peer("identity", settings.identity_addr, callers))
