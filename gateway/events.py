"""`GET /api/events`: what changes, as it changes, as far as the caller may see it (server-sent events)."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs

from gateway import auth
from gateway.audiences import Listener
from gateway.auth import Revocations
from gateway.exchange import Exchange, Headers
from gateway.feed import Feed, Place
from gateway.routes import ANYONE
from gateway.stream import TROUBLE, Lost
from gateway.tickets import Tickets
from services.kit import context
from services.kit.clock import now
from services.kit.errors import Invalid, TooMany, Unauthenticated, Unavailable
from services.kit.log import log
from services.kit.tokens import LEEWAY, People

PATH = "/api/events"
HEARTBEAT = 15.0
SLOWEST = 20.0  # seconds that a reader may let one part lie; then it has to come back
STREAMS_OF_ONE = 20  # tabs that one person may have open on one gateway
HELLO = b"retry: 1000\n"
LOST = b"id: %d\nevent: reset\ndata: {}\n\n"
BEAT = b": %d\nid: %d\n\n"
HEADERS = [
    (b"content-type", b"text/event-stream"),
    (b"x-accel-buffering", b"no"),
]


class TooManyStreams(TooMany):
    """You have too many event streams open. Close some tabs."""


class Events:
    def __init__(self, feed: Feed, tickets: Tickets, people: People, revocations: Revocations) -> None:
        self.feed = feed
        self.tickets = tickets
        self.people = people
        self.revocations = revocations
        self.open: Counter[str] = Counter()
        self.closing = False
        revocations.told.append(feed.wake)

    def hang_up(self) -> None:
        """End all streams: their clients find another replica, or this one when it is back."""
        self.closing = True
        self.feed.wake()

    async def answer(self, exchange: Exchange) -> None:
        """Refusals are raised before anything is sent."""
        query = parse_qs(exchange.scope["query_string"].decode("latin-1"))
        claims = await self._admit(query, exchange.headers)
        try:
            position = _wanted(query, exchange.headers)
            if position is None:
                position = await self.feed.now()
        except TROUBLE as error:
            raise Unavailable from error
        person = str(claims["sub"])
        if self.closing:
            raise Unavailable
        if self.open[person] >= STREAMS_OF_ONE:
            raise TooManyStreams
        self.open[person] += 1
        try:
            await exchange.send({"type": "http.response.start", "status": 200, "headers": [*HEADERS]})
            await self._stream(exchange, Place(Listener(person, claims["role"]), position), claims)
        finally:
            self.open[person] -= 1

    async def _admit(self, query: dict[str, list[str]], headers: Headers) -> dict[str, Any]:
        if ticket := query.get("ticket"):
            claims = await self.tickets.redeem(ticket[0])
            if self.revocations.revoked(claims):
                raise Unauthenticated
            return claims
        header = headers.get(b"authorization", b"").decode("latin-1")
        return await auth.admit(header, ANYONE, self.people, self.revocations)

    async def _stream(self, exchange: Exchange, place: Place, claims: dict[str, Any]) -> None:
        gone = asyncio.create_task(_hung_up(exchange, place))
        context.enter(context.Context())
        with self.feed.listening(place):
            try:
                await _put(exchange, HELLO + b"id: %d\n\n" % place.position)
                async for part in self._parts(place):
                    if gone.done() or self._ended(claims):
                        break
                    await _put(exchange, part)
                await exchange.send({"type": "http.response.body", "body": b""})
            except TimeoutError:
                log.info("stream_cut", user_id=place.listener.id)  # uvicorn closes what is not complete
            finally:
                gone.cancel()

    def _ended(self, claims: dict[str, Any]) -> bool:
        expired = now().timestamp() > claims["exp"] + LEEWAY
        return self.closing or expired or self.revocations.revoked(claims)

    async def _parts(self, place: Place) -> AsyncIterator[bytes]:
        """What to send next, for ever; something at least every 15 s. An empty part only asks to go on."""
        while True:
            place.news.clear()
            try:
                found, position = await self.feed.after(place.position)
            except Lost as lost:
                place.position = lost.first - 1
                yield LOST % place.position
                continue
            except TROUBLE:
                await asyncio.sleep(1)
                yield BEAT % (place.position, place.position)
                continue
            seen = [part for told in found if (part := self.feed.sight.of(place.listener, told))]
            moved, place.position = position != place.position, position
            yield b"".join(seen)
            if moved:
                continue
            try:
                await asyncio.wait_for(place.news.wait(), HEARTBEAT)
                yield b""
            except TimeoutError:
                yield BEAT % (place.position, place.position)


def _wanted(query: dict[str, list[str]], headers: Headers) -> int | None:
    text = headers.get(b"last-event-id", b"").decode("latin-1") or query.get("lastEventId", [""])[0]
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise Invalid(fields={"lastEventId": "is not the id of an event"})
    return int(text)


async def _put(exchange: Exchange, part: bytes) -> None:
    if part:
        async with asyncio.timeout(SLOWEST):
            await exchange.send({"type": "http.response.body", "body": part, "more_body": True})


async def _hung_up(exchange: Exchange, place: Place) -> None:
    while (await exchange.receive())["type"] != "http.disconnect":
        pass
    place.news.set()
