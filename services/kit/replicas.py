"""The replicas of one service, as a caller sees them: whose turn it is, who is leaving, who has gone silent.

Each has a channel of its own that follows its health, so one that drains is not asked any more before it
closes. A frozen process keeps its connections, and gRPC's keepalive rests while there is something to
write: only that nothing comes back tells.
"""

import asyncio
import ipaddress
import json
import random
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc
from grpc_health.v1.health_pb2 import HealthCheckRequest
from grpc_health.v1.health_pb2_grpc import HealthStub

from services.kit.errors import Unavailable
from services.kit.log import log

PATIENCE = 3.0
SILENCE = 1.0  # without any answer: ask whether it is there, also where nothing waits for one
PROBE = 2.0
LOOK = 0.5
RESOLVE = 10.0
LARGEST = 80 * 1024 * 1024
HEALTHY = {"loadBalancingConfig": [{"round_robin": {}}], "healthCheckConfig": {"serviceName": ""}}
OPTIONS = [
    ("grpc.service_config", json.dumps(HEALTHY)),  # of the policies, only round_robin follows the health
    # What the wire repeats is what no server has seen; the rest is repeated by whoever knows that it may be.
    ("grpc.enable_retries", 1),
    ("grpc.service_config_disable_resolution", 1),
    ("grpc.max_receive_message_length", LARGEST),
    ("grpc.max_send_message_length", LARGEST),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2000),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.keepalive_time_ms", 20_000),  # for connections whose other end is gone without a word
    ("grpc.keepalive_timeout_ms", 5_000),
]


class Replica:
    """`heard` is when it last gave an answer: to a call, or to the question whether it is there."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.channel = grpc.aio.insecure_channel(address, options=OPTIONS)
        self.methods: dict[str, Any] = {}
        self.open: set[Any] = set()
        self.heard = time.monotonic()
        self.silent = False

    @property
    def serves(self) -> bool:
        state = self.channel.get_state(try_to_connect=True)
        return state is grpc.ChannelConnectivity.READY and not self.silent

    @property
    def is_suspect(self) -> bool:
        """Whoever waits until somebody is kept waiting finds out that much later."""
        return self.silent or time.monotonic() - self.heard > SILENCE

    @contextmanager
    def asked(self, call: Any) -> Iterator[None]:
        """Around a call of this replica. It is cut when the replica has gone silent."""
        self.open.add(call)
        try:
            yield
            self.heard = time.monotonic()
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if self.silent and task is not None and not task.cancelling():
                raise Unavailable from None
            raise
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.DEADLINE_EXCEEDED:
                self.heard = time.monotonic()
            raise
        finally:
            self.open.discard(call)

    async def probe(self) -> None:
        try:
            await HealthStub(self.channel).Check(HealthCheckRequest(), timeout=PROBE)
            silent = False
        except grpc.aio.AioRpcError as error:
            silent = error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        if silent != self.silent:
            log.warning("replica_silent" if silent else "replica_heard_again", address=self.address)
        self.silent = silent
        self.heard = time.monotonic()
        for call in [*self.open] if silent else ():
            call.cancel()


class Replicas:
    """`addresses`: host and port, with commas between several. What a name stands for is looked up again."""

    def __init__(self, name: str, addresses: str) -> None:
        self.name = name
        self.places = [place.rpartition(":")[::2] for place in addresses.split(",") if place]
        self.named = any(not _is_ip(host) for host, _ in self.places)
        self.known = [] if self.named else [Replica(f"{host}:{port}") for host, port in self.places]
        self._turn = random.randrange(1000)
        self._looking: asyncio.Task[None] | None = None

    async def pick(self, patience: float = PATIENCE) -> Replica:
        """The next one. A service that restarts is waited for, one that is gone is not."""
        if self._looking is None and (self.named or len(self.known) > 1):
            self._looking = asyncio.create_task(self._look())
        until = time.monotonic() + min(patience, PATIENCE)
        while True:
            if replica := self._next():
                return replica
            if time.monotonic() > until:
                raise Unavailable(f"The {self.name} service does not answer. Try again in a moment.")
            await asyncio.sleep(0.01)

    def _next(self) -> Replica | None:
        for _ in self.known:
            self._turn += 1
            replica = self.known[self._turn % len(self.known)]
            if replica.serves:
                return replica
        return None

    async def _look(self) -> None:
        resolved = float("-inf")
        while True:
            if self.named and time.monotonic() - resolved > RESOLVE:
                resolved = time.monotonic() if await self._resolve() else resolved
            if len(self.known) > 1:
                await asyncio.gather(*(one.probe() for one in self.known if one.is_suspect))
            await asyncio.sleep(LOOK)

    async def _resolve(self) -> bool:
        """Follow who is there. Whoever has left ends what it was asked, then its channel."""
        found: dict[str, None] = {}
        try:
            for host, port in self.places:
                for *_, address in await asyncio.get_running_loop().getaddrinfo(
                    host, int(port), type=socket.SOCK_STREAM
                ):
                    found[_written(*address[:2])] = None
        except OSError as error:
            log.warning("service_not_found", service_name=self.name, error=type(error).__name__)
            return False
        kept = {one.address: one for one in self.known}
        self.known = [kept.pop(address) if address in kept else Replica(address) for address in found]
        for gone in kept.values():
            asyncio.create_task(gone.channel.close(grace=30))  # noqa: RUF006
        return True

    async def close(self) -> None:
        if self._looking:
            self._looking.cancel()
        await asyncio.gather(*(one.channel.close(grace=2) for one in self.known))


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def _written(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
