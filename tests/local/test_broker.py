"""NATS: each process is a user of its own, and may do what is its business."""

import asyncio
from collections.abc import AsyncIterator

import nats
import pytest
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js.errors import APIError

from deploy.local.credentials import SERVICES
from deploy.local.infrastructure import Addresses
from services.kit.bus import Bus, hints, inbox

USERS = [*SERVICES, "gateway"]
FORBIDDEN = [
    "$JS.API.STREAM.DELETE.CONVO",
    "$JS.API.STREAM.PURGE.CONVO",
    "$JS.API.STREAM.UPDATE.CONVO",
    "$JS.API.STREAM.MSG.DELETE.CONVO",
    "$JS.API.STREAM.MSG.GET.CONVO",
    "$JS.API.STREAM.CREATE.ANOTHER",
    "$JS.API.CONSUMER.DELETE.CONVO.messaging-people-remember",
    "$JS.API.CONSUMER.MSG.NEXT.KV_TICKETS.x",
    "$JS.API.ACCOUNT.PURGE.CONVO",
    "$SYS.REQ.SERVER.PING",
    "notes",
]


@pytest.fixture(scope="module", autouse=True)
async def _stream(addresses: Addresses) -> AsyncIterator[None]:
    bus = Bus(addresses.environment["NATS_URL"], "operator")
    await bus.open()
    yield
    await bus.close()


class Seat:
    """A user's connection, and what the server has refused to it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.client = Client()
        self.refused: list[str] = []

    async def __aenter__(self) -> "Seat":
        async def note(error: Exception) -> None:
            self.refused.append(str(error).lower())

        await self.client.connect(self.url, error_cb=note, inbox_prefix=inbox(self.url))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.client.close()

    async def arrive(self) -> None:
        """Twice: the client's PING may overtake what it has still to send."""
        await self.client.flush()
        await self.client.flush()

    async def is_refused(self, subject: str, *, listening: bool = False) -> bool:
        before = len(self.refused)
        if listening:
            await self.client.subscribe(subject)
        else:
            await self.client.publish(subject, b"{}")
        await self.arrive()
        await asyncio.sleep(0.02)
        return len(self.refused) > before and subject.lower() in self.refused[-1]


@pytest.mark.parametrize("user", USERS)
async def test_a_service_publishes_its_own_events_and_nobody_elses(addresses: Addresses, user: str) -> None:
    async with Seat(addresses.nats_urls[user]) as seat:
        refused = {one for one in SERVICES if await seat.is_refused(f"convo.{one}.something_happened")}

    assert refused == set(SERVICES) - {user}


@pytest.mark.parametrize("user", USERS)
async def test_nobody_listens_in_nor_touches_what_the_operator_runs(addresses: Addresses, user: str) -> None:
    ears = ["convo.>", ">", "_INBOX.>", "$JS.>", *(f"_INBOX_{one}.>" for one in USERS if one != user)]
    ears += [f"hints.{one}" for one in SERVICES if one != user]
    async with Seat(addresses.nats_urls[user]) as seat:
        heard = [subject for subject in ears if not await seat.is_refused(subject, listening=True)]
        done = [subject for subject in FORBIDDEN if not await seat.is_refused(subject)]

    assert (heard, done) == ([], [])


@pytest.mark.parametrize("user", USERS)
async def test_everybody_can_do_their_work(addresses: Addresses, user: str) -> None:
    bus = Bus(addresses.nats_urls[user], user)
    await bus.open()

    subject = "convo.>" if user == "gateway" else f"convo.{user}.>"
    pull = await bus.stream.pull_subscribe(subject, durable=f"{user}-test", stream="CONVO")
    if user != "gateway":
        await bus.stream.publish(f"convo.{user}.tried", b"{}")
    [message] = await pull.fetch(1, timeout=5)
    if user != "gateway":  # it only reads
        await message.ack_sync()
    await bus.close()


@pytest.mark.parametrize("user", SERVICES)
async def test_the_replicas_of_a_service_hear_each_others_hints(addresses: Addresses, user: str) -> None:
    async with Seat(addresses.nats_urls[user]) as one, Seat(addresses.nats_urls[user]) as other:
        heard = await other.client.subscribe(hints(user))
        await other.arrive()

        await one.client.publish(hints(user))

        await heard.next_msg(timeout=20)


async def test_a_stranger_and_a_wrong_password_are_refused(addresses: Addresses) -> None:
    url = addresses.nats_urls["sales"]
    for wrong in (url.replace("sales:", "messaging:"), f"nats://{url.partition('@')[2]}"):
        with pytest.raises((NatsError, APIError, OSError)):
            await nats.connect(wrong, allow_reconnect=False, connect_timeout=2)


def test_a_token_alone_names_no_inbox() -> None:
    assert inbox("nats://a-token@127.0.0.1:4222") == "_INBOX"
    assert inbox("nats://sales:secret@127.0.0.1:4222") == "_INBOX_sales"
