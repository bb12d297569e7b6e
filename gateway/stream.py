"""The event stream of JetStream, read in order and without a gap from any place in it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from itertools import takewhile

from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy, StreamState
from nats.js.errors import APIError, FetchTimeoutError, NotFoundError

from services.kit.bus import STREAM, Bus
from services.kit.log import log

TOGETHER = 200
PATIENCE = 5.0
FORGOTTEN_AFTER = 30.0
TROUBLE = (APIError, NatsError, TimeoutError, OSError)


class Lost(Exception):
    """Events between a place and the oldest one that is kept are gone, or the place was in another stream."""

    def __init__(self, first: int) -> None:
        self.first = first


def place(message: Msg) -> int:
    return message.metadata.sequence.stream


async def state(bus: Bus) -> StreamState:
    try:
        return (await bus.stream.stream_info(STREAM)).state
    except NotFoundError:
        await bus.ensure_stream()
        return (await bus.stream.stream_info(STREAM)).state


async def follow(bus: Bus, position: int) -> AsyncIterator[list[Msg]]:
    """What comes after a place, for ever. Raises `Lost` where the stream does not reach back so far."""
    while True:
        try:
            known = await state(bus)
            if position + 1 < known.first_seq or position > known.last_seq:
                raise Lost(known.first_seq)
            async for batch in _read(bus, position):
                yield batch
                position = place(batch[-1])
        except TROUBLE as error:
            log.warning("stream_waits", error=type(error).__name__)
            await asyncio.sleep(0.5)


async def _read(bus: Bus, position: int) -> AsyncIterator[list[Msg]]:
    """Ends where a number is missing: a new consumer shows whether it was lost on the way or deleted."""
    pull = await _consumer(bus, position)
    first = None
    try:
        while True:
            try:
                batch = await pull.fetch(TOGETHER, timeout=PATIENCE)
            except (FetchTimeoutError, TimeoutError):
                if (await state(bus)).last_seq != position:
                    return
                continue
            whole = unbroken(batch, first or place(batch[0]))
            if whole:
                yield whole
                position = place(whole[-1])
            if len(whole) < len(batch):
                return
            first = position + 1
    finally:
        with suppress(*TROUBLE):
            await pull.unsubscribe()


def unbroken(batch: list[Msg], first: int) -> list[Msg]:
    """The messages from `first` on, up to the first number that is missing."""
    return [one for number, one in takewhile(lambda pair: place(pair[1]) == pair[0], enumerate(batch, first))]


async def _consumer(bus: Bus, position: int) -> JetStreamContext.PullSubscription:
    config = ConsumerConfig(
        deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
        opt_start_seq=position + 1,
        ack_policy=AckPolicy.NONE,
        inactive_threshold=FORGOTTEN_AFTER,
        mem_storage=True,
    )
    return await bus.stream.pull_subscribe("convo.>", stream=STREAM, config=config)
