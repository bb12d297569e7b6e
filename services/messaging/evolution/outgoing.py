"""Evolution's REST API for messages: send, react, edit, delete, mark as read, in 2.x's words or 1.8's."""

import mimetypes
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.messaging.evolution.calls import (
    READ_TIMEOUT,
    SEND_TIMEOUT,
    Rejected,
    Server,
    call,
    detail_of,
    named,
    speaks_v1,
)
from services.messaging.evolution.values import fields, moment, text


@dataclass(frozen=True, slots=True)
class Key:
    """How WhatsApp names one message; `participant` is its author in a group."""

    external_id: str
    jid: str
    from_me: bool
    participant: str | None = None


@dataclass(frozen=True, slots=True)
class Quoted:
    key: Key
    content: str


@dataclass(frozen=True, slots=True)
class Sent:
    """`jid` may differ from the number that was asked for: it is where replies come from."""

    external_id: str
    jid: str
    sent_at: datetime | None
    answer: dict[str, Any]


async def send_text(
    server: Server,
    number: str,
    content: str,
    *,
    quoted: Quoted | None = None,
    link_preview: bool | None = None,
    timeout: float = SEND_TIMEOUT,
) -> Sent:
    options = {**quotation(quoted), **({} if link_preview is None else {"linkPreview": link_preview})}
    return await send(server, "sendText", number, "textMessage", {"text": content}, options, timeout)


async def send_media(
    server: Server,
    number: str,
    *,
    kind: str,
    media: str,
    mimetype: str | None = None,
    caption: str | None = None,
    file_name: str | None = None,
    quoted: Quoted | None = None,
    timeout: float = SEND_TIMEOUT,
) -> Sent:
    """`kind` is image, video or document; `media` an URL that Evolution can reach, or base64."""
    if kind == "document" and file_name is None:
        file_name = f"document{mimetypes.guess_extension(mimetype or '') or '.bin'}"
    content = {
        "mediatype": kind,
        "mimetype": mimetype,
        "media": without_prefix(media),
        "caption": caption,
        "fileName": file_name,
    }
    return await send(server, "sendMedia", number, "mediaMessage", content, quotation(quoted), timeout)


async def send_audio(
    server: Server, number: str, *, audio: str, quoted: Quoted | None = None, timeout: float = SEND_TIMEOUT
) -> Sent:
    content = {"audio": without_prefix(audio)}
    return await send(
        server, "sendWhatsAppAudio", number, "audioMessage", content, quotation(quoted), timeout
    )


async def send_reaction(server: Server, key: Key, emoji: str) -> Sent:
    """An empty `emoji` takes the reaction back."""
    body: dict[str, Any] = {"key": wire_key(key), "reaction": emoji}
    if await speaks_v1(server):
        body = {"reactionMessage": body}
    answer = await call(server, "POST", f"message/sendReaction/{named(server)}", body, timeout=SEND_TIMEOUT)
    return sent(server, answer)


async def edit_message(server: Server, number: str, key: Key, content: str) -> datetime | None:
    """When it was edited, as WhatsApp has it: its echo says the same."""
    method = "PUT" if await speaks_v1(server) else "POST"
    body = {"number": number, "text": content, "key": wire_key(key)}
    path = f"chat/updateMessage/{named(server)}"
    answer = fields(await call(server, method, path, body, timeout=SEND_TIMEOUT))
    return moment(fields(fields(answer.get("message")).get("protocolMessage")).get("timestampMs"))


async def delete_message(server: Server, key: Key) -> None:
    path = f"chat/deleteMessageForEveryone/{named(server)}"
    await call(server, "DELETE", path, wire_key(key), timeout=SEND_TIMEOUT)


async def mark_read(server: Server, keys: list[Key]) -> None:
    """Older versions read the other spelling; both together do no harm."""
    method = "PUT" if await speaks_v1(server) else "POST"
    read = [wire_key(key) for key in keys]
    body = {"readMessages": read, "read_messages": read}
    await call(server, method, f"chat/markMessageAsRead/{named(server)}", body, timeout=READ_TIMEOUT)


async def send(
    server: Server,
    verb: str,
    number: str,
    v1_name: str,
    content: dict[str, Any],
    options: dict[str, Any],
    timeout: float,
) -> Sent:
    content = {name: value for name, value in content.items() if value is not None}
    body: dict[str, Any] = {"number": number, **content, **options}
    if await speaks_v1(server):
        body = {"number": number, "options": options, v1_name: content}
    answer = await call(server, "POST", f"message/{verb}/{named(server)}", body, timeout=timeout)
    return sent(server, answer, body)


def sent(server: Server, answer: Any, body: Any = None) -> Sent:
    """A key is the only proof: the cloud channel answers 201 to what Meta refused."""
    answer = fields(answer)
    key = fields(answer.get("key"))
    external_id = text(key.get("id"))
    if external_id is None:
        raise Rejected(detail_of(server, answer, body) or "Evolution answered without a message id.", 201)
    kept = ("key", "status", "messageType", "messageTimestamp")
    return Sent(
        external_id=external_id,
        jid=text(key.get("remoteJid")) or "",
        sent_at=moment(answer.get("messageTimestamp")),
        answer={name: answer[name] for name in kept if name in answer},
    )


def wire_key(key: Key) -> dict[str, Any]:
    named = {"remoteJid": key.jid, "fromMe": key.from_me, "id": key.external_id}
    return {**named, "participant": key.participant} if key.participant else named


def quotation(quoted: Quoted | None) -> dict[str, Any]:
    if quoted is None:
        return {}
    return {"quoted": {"key": wire_key(quoted.key), "message": {"conversation": quoted.content}}}


def without_prefix(media: str) -> str:
    """Evolution takes base64, but not as a data URI."""
    return media.partition(",")[2] if media.startswith("data:") else media
