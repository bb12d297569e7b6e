"""Evolution's webhooks: the raw bodies of one instant go to messaging together and share a transaction."""

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

import orjson

from gateway.bodies import Room
from gateway.exchange import Headers, Receive, Reply, Scope
from protos import messaging_pb2 as messaging
from protos.messaging_pb2_grpc import MessagingStub
from services.kit import context
from services.kit.context import Context
from services.kit.errors import Invalid, Refusal, Unauthenticated, Unavailable
from services.kit.peers import Peer, connect

PATH = "/api/whatsapp/webhooks/evolution"
BODY_LIMIT = 75 * 1024 * 1024
MOST_TOGETHER = 250
MOST_BYTES = 8 * 1024 * 1024
IN_FLIGHT = 1  # while a batch is at work the next one gathers; with two each message costs a tenth more
TIMEOUT = 20.0
BODY_TIMEOUT = 120.0
REFUSED: dict[int, type[Refusal]] = {one.http: one for one in (Invalid, Unauthenticated, Unavailable)}


@dataclass
class Waiting:
    body: bytes
    secret: str
    context: Context
    answer: asyncio.Future[messaging.Receipt]


class Webhooks:
    def __init__(self, peer: Peer, room: Room) -> None:
        self._stub = connect(MessagingStub, peer)
        self._room = room
        self._queue: deque[Waiting] = deque()
        self._at_work: set[asyncio.Task[None]] = set()

    async def answer(self, scope: Scope, headers: Headers, receive: Receive) -> Reply:
        async with self._room.body(headers, receive, BODY_LIMIT, BODY_TIMEOUT) as body:
            answer = asyncio.get_running_loop().create_future()
            self._queue.append(Waiting(body, _secret(scope, headers), context.current(), answer))
            self._work()
            receipt: messaging.Receipt = await answer
        if receipt.status in REFUSED:
            raise REFUSED[receipt.status](receipt.reason)
        return Reply(receipt.status, orjson.dumps(_told(receipt)))

    def _work(self) -> None:
        if self._queue and len(self._at_work) < IN_FLIGHT:
            task = asyncio.create_task(self._deliver(self._gather()))
            self._at_work.add(task)
            task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._at_work.discard(task)
        self._work()

    def _gather(self) -> list[Waiting]:
        batch: list[Waiting] = []
        size = 0
        while self._queue and len(batch) < MOST_TOGETHER and size < MOST_BYTES:
            batch.append(self._queue.popleft())
            size += len(batch[-1].body)
        return batch

    async def _deliver(self, batch: list[Waiting]) -> None:
        """The trace goes on from the batch's first webhook: at the pace of people that is its only one."""
        context.enter(batch[0].context)
        request = messaging.ReceiveWebhooksRequest()
        for one in batch:
            request.webhooks.add(body=one.body, secret=one.secret)  # made in place: a large one is not copied
        try:
            reply = await self._stub.ReceiveWebhooks(request, timeout=TIMEOUT)
        except Refusal as refusal:
            # Whatever it is, it is our own trouble: 503 makes Evolution come back, 4xx would drop the event.
            self._fail(batch, Unavailable() if refusal.status != Unavailable.http else refusal)
            return
        for one, receipt in zip(batch, reply.receipts, strict=True):
            if not one.answer.done():
                one.answer.set_result(receipt)

    def _fail(self, batch: list[Waiting], refusal: Refusal) -> None:
        for one in batch:
            if not one.answer.done():
                one.answer.set_exception(refusal)


def _secret(scope: Scope, headers: Headers) -> str:
    if token := headers.get(b"x-webhook-token"):
        return str(token, "latin-1")
    scheme, _, bearer = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    if scheme.lower() == "bearer" and bearer:
        return bearer
    query: str = scope["query_string"].decode("latin-1")
    return parse_qs(query).get("token", [""])[0]


def _told(receipt: messaging.Receipt) -> dict[str, Any]:
    """`{received: true, ...}`: what was done with the event, or why nothing was."""
    told: dict[str, Any] = {"received": receipt.received}
    if receipt.HasField("event"):
        told["event"] = receipt.event
    if receipt.processed:
        told["processed"] = receipt.processed
    if receipt.ignored:
        told["ignored"] = True
    if receipt.quarantined:
        told["quarantined"] = True
    if receipt.HasField("reason"):
        told["reason"] = receipt.reason
    return told
