"""Whom identity asks: messaging, about how much people have to do."""

import asyncio
from typing import TYPE_CHECKING

from protos import messaging_pb2
from protos.messaging_pb2_grpc import MessagingStub
from services.identity.settings import IdentitySettings
from services.kit.db import Database
from services.kit.errors import Refusal
from services.kit.log import log
from services.kit.peers import Peer, connect
from services.kit.tokens import Callers

if TYPE_CHECKING:
    from protos.messaging_pb2_grpc import MessagingAsyncStub

PATIENCE = 0.5  # what a list of people may wait for a number that it can do without

messaging: "MessagingAsyncStub"


async def start(configured: IdentitySettings, _: Database, callers: Callers) -> None:
    global messaging
    messaging = connect(MessagingStub, Peer("messaging", configured.messaging_addr, callers))


async def active_conversations(people: list[str]) -> dict[str, int]:
    """How many each of them attends; nothing of anybody while messaging does not answer."""
    request = messaging_pb2.CountAssignedRequest(user_ids=people)
    try:
        async with asyncio.timeout(PATIENCE):
            counts = (await messaging.CountAssigned(request)).counts
    except (Refusal, TimeoutError) as error:
        log.warning("conversations_not_counted", error=type(error).__name__)
        return {}
    return {id: counts.get(id, 0) for id in people}
