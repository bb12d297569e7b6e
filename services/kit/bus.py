"""NATS JetStream: the transport between contexts. The record is PostgreSQL's; a lost stream is refilled."""

import asyncio
import re
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from urllib.parse import urlsplit

from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import APIError, BadRequestError, NotFoundError

from services.kit.log import log

STREAM = "CONVO"
KEPT = timedelta(days=7)
REMEMBERED_IDS = timedelta(minutes=2)
EVENTS_A_SECOND = 1000  # more than there are in the long run
NAME_IN_USE = 10058
AGAIN = "ce-again"  # the header of an event that was published before: news to nobody who only watches


@cache
def subject(full_name: str) -> str:
    """`convo.messaging.v1.MessageReceived` -> `convo.messaging.message_received`."""
    _, place, _, name = full_name.split(".")
    return f"convo.{place}.{re.sub(r'(?<!^)(?=[A-Z])', '_', name).lower()}"


def hints(service: str) -> str:
    """Where a service's replicas tell each other that something was committed; no event, and not kept."""
    return f"hints.{service}"


def inbox(url: str) -> str:
    """Where answers come: a place where only the user of the URL may listen (deploy/nats.conf)."""
    parts = urlsplit(url)
    return f"_INBOX_{parts.username}" if parts.password else "_INBOX"


@dataclass(frozen=True)
class Found:
    """When the stream was made, later if it was lost; and what else it has lost, as counting tells."""

    made: datetime
    lost: int


class Bus:
    def __init__(self, url: str, name: str, *, replicas: int = 1) -> None:
        self.url = url
        self.name = name
        self.replicas = replicas
        self.client = Client()
        self.stream: JetStreamContext = self.client.jetstream(timeout=5)
        self.acknowledged = 0  # the number in the stream that this process was told last
        self.torn = 0  # how many events were at the stream's end, and are not any more
        self.leaving = False  # this process ends in order, and there is time to finish what is in hand

    async def open(self) -> None:
        await self.client.connect(
            self.url,
            name=self.name,
            max_reconnect_attempts=-1,
            reconnect_time_wait=1,
            allow_reconnect=True,
            error_cb=_log_error,
            inbox_prefix=inbox(self.url),
        )
        await self.ensure_stream()

    async def open_patiently(self) -> None:
        """NATS may come up later than we do."""
        while True:
            try:
                await self.open()
                return
            except (NatsError, OSError, TimeoutError) as error:
                log.warning("nats_unavailable", error=type(error).__name__)
                await asyncio.sleep(1)

    async def ensure_stream(self) -> None:
        """Make the stream if it is not there; repeating it is harmless.

        A stream that is made again after a loss numbers on from above the old one's last: whoever resumes
        with a number of the old stream can tell that there is a gap, and never mistakes one for the other.
        """
        config = StreamConfig(
            name=STREAM,
            subjects=["convo.>"],
            retention=RetentionPolicy.LIMITS,
            storage=StorageType.FILE,
            num_replicas=self.replicas,
            max_age=KEPT.total_seconds(),
            duplicate_window=REMEMBERED_IDS.total_seconds(),
            first_seq=int(time.time()) * EVENTS_A_SECOND,
            allow_atomic=True,
        )
        for pause in (0.2, 0.5, 1.0, 2.0, 0.0):
            try:
                await self._make(config)
                return
            except (APIError, NatsError, TimeoutError) as error:
                if not pause:
                    raise
                log.warning("stream_not_ready", error=type(error).__name__)
                await asyncio.sleep(pause)

    def follow(self, first: int, last: int) -> None:
        """Numbers that were given before: the stream has lost what had them, and all after that."""
        if first <= self.acknowledged:
            self.torn += self.acknowledged - first + 1
        self.acknowledged = last

    async def found(self) -> Found:
        info = await self.stream.stream_info(STREAM)
        assert info.created, "the server always tells"
        state = info.state
        if state.last_seq < self.acknowledged:
            self.follow(state.last_seq + 1, state.last_seq)
        holes = state.last_seq - state.first_seq + 1 - state.messages if state.messages else 0
        return Found(info.created, self.torn + holes)

    async def _make(self, config: StreamConfig) -> None:
        try:
            await self.stream.stream_info(STREAM)
        except NotFoundError:
            try:
                await self.stream.add_stream(config)
            except BadRequestError as error:
                if error.err_code != NAME_IN_USE:  # another process was faster
                    raise

    async def close(self) -> None:
        if self.client.is_connected:
            await self.client.drain()
        else:
            await self.client.close()


async def _log_error(error: Exception) -> None:
    log.warning("nats_error", error=type(error).__name__)
