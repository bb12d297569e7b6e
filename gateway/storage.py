"""Files on their way from a client to S3: looked at, counted, and passed on as they come."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from python_multipart import MultipartParser
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import parse_options_header

from gateway import bodies
from gateway.bodies import TooSlow
from gateway.exchange import Headers, Receive
from gateway.routes import Route
from protos import messaging_pb2 as messaging
from protos.messaging_pb2_grpc import MessagingStub
from services.kit import sniff
from services.kit.blobs import PART, Store
from services.kit.errors import Invalid, TooLarge, Unavailable, Unsupported
from services.kit.peers import Peer, connect

MEGABYTE = 1024 * 1024
LARGEST = 50 * MEGABYTE
LARGEST_AVATAR = 5 * MEGABYTE
LONGEST_PURPOSE = 100


class NoFile(Invalid):
    """No file provided"""


class KindRefused(Unsupported):
    """Files of this kind are not taken."""

    code = "unsupported_media_type"


@dataclass
class Part:
    """One part of a form: its name, its file's name and type, and what has come of it."""

    name: str
    file_name: str
    mimetype: str


@dataclass
class Arrival:
    """A file that is being taken in."""

    part: Part
    purpose: str
    size: int = 0
    begun: bool = False  # its first part is on its way to S3: too late to say what it is for

    def __post_init__(self) -> None:
        self.digest = hashlib.sha256()

    def count(self, octets: bytes) -> None:
        self.size += len(octets)
        self.digest.update(octets)
        limit = LARGEST_AVATAR if self.purpose == "avatar" else LARGEST
        if self.size > limit:
            raise TooLarge(f"The file is larger than {limit // MEGABYTE} MB.")

    def is_for(self, purpose: bytes) -> None:
        if self.begun:
            raise Invalid("Send purpose before the file.", fields={"purpose": "must come before the file"})
        self.purpose += purpose[:LONGEST_PURPOSE].decode("latin-1")
        self.count(b"")


class Storage:
    def __init__(self, peer: Peer, store: Store) -> None:
        self._stub = connect(MessagingStub, peer)
        self.store = store

    async def take(
        self, route: Route, headers: Headers, receive: Receive
    ) -> tuple[messaging.CompleteFileRequest, bytes]:
        """Bring a file to S3: what completes it, and what tells it from another file."""
        boundary = _boundary(headers)
        form = _parts(bodies.chunks(headers, receive, route.body_limit), boundary)
        try:
            async with asyncio.timeout(route.timeout):
                key, arrival = await self._take(form)
        except TimeoutError:
            raise TooSlow from None
        digest = arrival.digest.hexdigest()
        request = messaging.CompleteFileRequest(key=key, size=arrival.size, checksum=digest)
        return request, f"{arrival.purpose}:{arrival.part.file_name}:{digest}".encode()

    async def _take(self, form: AsyncIterator[tuple[Part, bytes]]) -> tuple[str, Arrival]:
        purpose = b""
        async for part, octets in form:
            if part.name == "file" and part.file_name:
                return await self._store(form, Arrival(part, purpose.decode("latin-1")), octets)
            if part.name == "purpose":
                purpose += octets[:LONGEST_PURPOSE]
        raise NoFile

    async def _store(
        self, form: AsyncIterator[tuple[Part, bytes]], arrival: Arrival, first: bytes
    ) -> tuple[str, Arrival]:
        content = _content(form, arrival, first)
        head, whole = await _head(content)
        if not head:
            raise Invalid("The file is empty.")
        part = arrival.part
        kind = sniff.recognise(head, part.file_name, part.mimetype, whole=whole)
        if kind is None or (arrival.purpose == "avatar" and not sniff.is_picture(kind.mimetype)):
            raise KindRefused
        file = await self._stub.CreateFile(
            messaging.CreateFileRequest(
                purpose=arrival.purpose,
                original_name=part.file_name,
                mime_type=kind.mimetype,
                extension=kind.extension,
            )
        )
        arrival.begun = True
        await self.store.upload(file.key, _again(head, content), kind.mimetype)
        return file.key, arrival

    async def state(self) -> str:
        """Of the bucket, which is made where it is missing: created, exists or unavailable."""
        try:
            return await self.store.ensure()
        except Unavailable:
            return "unavailable"


async def _head(content: AsyncIterator[bytes]) -> tuple[bytes, bool]:
    """Enough of a file to tell what it is, and whether that is all of it: as much as S3 takes in a part."""
    head = bytearray()
    async for octets in content:
        head += octets
        if len(head) > PART:
            return bytes(head), False
    return bytes(head), True


async def _again(head: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield head
    async for octets in rest:
        yield octets


async def _content(
    form: AsyncIterator[tuple[Part, bytes]], arrival: Arrival, first: bytes
) -> AsyncIterator[bytes]:
    """The octets of the file. What follows it is read to its end, so that the form is known to be whole."""
    arrival.count(first)
    yield first
    async for part, octets in form:
        if part is arrival.part:
            arrival.count(octets)
            yield octets
        elif part.name == "file":
            raise Invalid("Send one file at a time.")
        elif part.name == "purpose" and octets:
            arrival.is_for(octets)


def _boundary(headers: Headers) -> bytes:
    kind, options = parse_options_header(headers.get(b"content-type", b""))
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/form-data" or not boundary:
        raise NoFile
    return bytes(boundary)


async def _parts(chunks: AsyncIterator[bytes], boundary: bytes) -> AsyncIterator[tuple[Part, bytes]]:
    """Each part with its octets as they come."""
    form = Form(boundary)
    try:
        async for chunk in chunks:
            form.parser.write(chunk)
            for event in form.taken():
                yield event
        form.parser.finalize()
    except MultipartParseError as error:
        raise Invalid("The form is not well formed.") from error
    if not form.ended:
        raise Invalid("The form is not complete.")


class Form:
    """The parser's callbacks, and what they have told since it was asked for."""

    def __init__(self, boundary: bytes) -> None:
        self.ended = False
        self._told: list[tuple[Part, bytes]] = []
        self._name, self._value = bytearray(), bytearray()
        self._headers: dict[bytes, bytes] = {}
        self._part = Part("", "", "")
        callbacks: Any = {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self._name.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
            "on_header_end": self._end_header,
            "on_headers_finished": self._end_headers,
            "on_part_data": lambda data, start, end: self._told.append((self._part, bytes(data[start:end]))),
            "on_end": self._end,
        }
        self.parser = MultipartParser(boundary, callbacks)

    def taken(self) -> list[tuple[Part, bytes]]:
        told, self._told = self._told, []
        return told

    def _begin(self) -> None:
        self._headers = {}

    def _end_header(self) -> None:
        self._headers[bytes(self._name).lower()] = bytes(self._value)
        self._name.clear()
        self._value.clear()

    def _end_headers(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        kind, _ = parse_options_header(self._headers.get(b"content-type", b""))
        name, file_name = (options.get(key, b"").decode("utf-8", "replace") for key in (b"name", b"filename"))
        self._part = Part(name, file_name, kind.decode("latin-1"))
        self._told.append((self._part, b""))

    def _end(self) -> None:
        self.ended = True
