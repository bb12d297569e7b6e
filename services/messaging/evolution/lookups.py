"""What Evolution can be asked about: files, people, groups and the messages that it has seen."""

import binascii
from base64 import b64decode
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from services.messaging.evolution import events, records
from services.messaging.evolution.calls import (
    MEDIA_TIMEOUT,
    READ_TIMEOUT,
    Rejected,
    Server,
    call,
    named,
    speaks_v1,
)
from services.messaging.evolution.values import elements, fields, integer, text
from services.messaging.inbound import GroupUpdate, Malformed, Media, Message


@dataclass(frozen=True, slots=True)
class File:
    content: bytes
    mimetype: str | None
    file_name: str | None


@dataclass(frozen=True, slots=True)
class Profile:
    name: str | None
    picture_url: str | None


@dataclass(frozen=True, slots=True)
class Page:
    messages: tuple[Message, ...]
    pages: int


async def fetch_media(server: Server, external_id: str, message_type: str, media: Media) -> File:
    """On the cloud channel Evolution looks no message up: it has to be told Meta's id of the file."""
    message: dict[str, Any] = {"key": {"id": external_id}}
    if media.external_id:
        name = f"{message_type}Message"
        node = {"id": media.external_id, "mime_type": media.mimetype, "filename": media.file_name}
        message |= {"messageType": name, "message": {name: node}}
    body = {"message": message, "convertToMp4": False}
    path = f"chat/getBase64FromMediaMessage/{named(server)}"
    answer = fields(await call(server, "POST", path, body, timeout=MEDIA_TIMEOUT))
    try:
        content = b64decode(text(answer.get("base64")) or "", validate=True)
    except (binascii.Error, ValueError) as error:
        raise Rejected("Evolution's copy of the file cannot be read.") from error
    if not content:
        raise Rejected("Evolution has no copy of the file.")
    return File(content, text(answer.get("mimetype")), text(answer.get("fileName")))


async def fetch_profile(server: Server, number: str) -> Profile:
    path = f"chat/fetchProfile/{named(server)}"
    answer = fields(await call(server, "POST", path, {"number": number}, timeout=READ_TIMEOUT))
    names = (answer.get(name) for name in ("name", "pushName", "notify", "verifiedName"))
    return Profile(
        name=next((name for name in names if text(name)), None),
        picture_url=text(answer.get("picture")) or text(answer.get("profilePictureUrl")),
    )


async def fetch_groups(server: Server) -> tuple[GroupUpdate, ...]:
    """All groups of the phone: WhatsApp dislikes this question, so ask it seldom."""
    path = f"group/fetchAllGroups/{named(server)}"
    query = {"getParticipants": "false"}
    answer = await call(server, "GET", path, query=query, timeout=MEDIA_TIMEOUT)
    found = (events.group(fields(row)) for row in elements(answer))
    return tuple(group for group in found if isinstance(group, GroupUpdate))


async def find_messages(
    server: Server,
    *,
    since: datetime,
    until: datetime,
    jid: str | None = None,
    page: int = 1,
    page_size: int = 100,
) -> Page:
    """What Evolution has stored, newest first: how to learn what no webhook told. 1.8 gives all at once."""
    where: dict[str, Any] = {"key": {"remoteJid": jid}} if jid else {}
    v1 = await speaks_v1(server)
    if not v1:
        where["messageTimestamp"] = {"gte": iso(since), "lte": iso(until)}
    body = {"where": where, "page": page, "offset": page_size}
    answer = await call(server, "POST", f"chat/findMessages/{named(server)}", body, timeout=READ_TIMEOUT)
    found = fields(fields(answer).get("messages"))
    rows = elements(answer if isinstance(answer, list) else found.get("records"))
    messages = (stored(row) for row in rows)
    return Page(
        messages=tuple(
            message
            for message in messages
            if message and (message.sent_at is None or since <= message.sent_at <= until)
        ),
        pages=integer(found.get("pages")) or 1,
    )


def stored(row: Any) -> Message | None:
    try:
        item = records.message(fields(row))
    except Malformed:
        return None
    return item if isinstance(item, Message) else None


def iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
