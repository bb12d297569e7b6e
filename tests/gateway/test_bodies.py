"""Bodies of requests: what all of them hold together has an end, and whoever sends little does not notice."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from gateway import webhooks
from gateway.bodies import MEGABYTE, NoRoom, Room, TooSlow
from gateway.exchange import Receive
from tests.gateway.conftest import Staff
from tests.gateway.house import Front


def arriving(size: int) -> Receive:
    """A body of this size, all at once."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"x" * size, "more_body": False}

    return receive


async def take(room: Room, size: int) -> int:
    async with room.body({}, arriving(size), 100 * MEGABYTE, 1.0) as body:
        return len(body)


async def test_when_there_is_no_room_only_what_is_little_is_taken() -> None:
    room = Room(3 * MEGABYTE)

    async with room.body({}, arriving(3 * MEGABYTE), 100 * MEGABYTE, 1.0):
        assert await take(room, 1000) == 1000
        with pytest.raises(NoRoom) as refused:
            await take(room, 2 * MEGABYTE)

    assert (refused.value.status, refused.value.retry_after) == (503, 2)
    assert await take(room, 2 * MEGABYTE) == 2 * MEGABYTE
    assert room.left == 3 * MEGABYTE


async def test_a_body_that_does_not_come_takes_up_no_room() -> None:
    async def silence() -> dict[str, Any]:
        await asyncio.sleep(60)
        return {}

    room = Room(MEGABYTE)

    with pytest.raises(TooSlow):
        async with room.body({}, silence, MEGABYTE, 0.01):
            pass

    assert room.left == MEGABYTE


@pytest.mark.timeout(120)
async def test_many_large_webhooks_at_once_do_not_burst_the_gateway(front: Front, staff: Staff) -> None:
    """A process may hold 512 MB; anybody may send webhooks, and six of these took 900 MB."""

    async def event(size: int) -> AsyncIterator[bytes]:
        yield b'{"event": "invented", "instance": "nobody", "data": "'
        for _ in range(size // MEGABYTE):
            yield b"a" * MEGABYTE
        yield b'"}'

    async def post(size: int) -> int:
        try:
            answer = await front.client.post(webhooks.PATH, content=event(size))
        except httpx2.TransportError:  # refused while it was still sending
            return 503
        return answer.status_code

    [gateway] = front.gateways
    before, most = gateway.memory_info().rss, 0

    async def watch() -> None:
        nonlocal most
        while True:
            most = max(most, gateway.memory_info().rss)
            await asyncio.sleep(0.01)

    watching = asyncio.create_task(watch())
    large = asyncio.gather(*(post(60 * MEGABYTE) for _ in range(6)))
    await asyncio.sleep(0.5)
    small = [await post(0) for _ in range(20)]
    statuses = Counter(await large)
    watching.cancel()

    assert small == [200] * 20
    assert {*statuses} <= {200, 503}
    assert most - before < 400 * MEGABYTE, statuses
