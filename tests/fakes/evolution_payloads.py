"""The JSON of a real Evolution 2.3, made from plain values: what the simulator posts and answers."""

import hashlib
import random
import time
from base64 import b64encode
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

Json = dict[str, Any]

SERVER_ZONE = ZoneInfo("America/Sao_Paulo")  # the Docker image's default
NODES = {
    "image": "imageMessage",
    "video": "videoMessage",
    "audio": "audioMessage",
    "document": "documentMessage",
    "sticker": "stickerMessage",
}


def date_time() -> str:
    """Evolution's trap: the wall clock of the server's zone, with a Z that is not true."""
    return datetime.now(SERVER_ZONE).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def customer_message_id() -> str:
    return f"{random.getrandbits(128):032X}"


def own_message_id() -> str:
    return f"3EB0{random.getrandbits(72):018X}"


def row_id() -> str:
    return "cm" + "".join(random.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=23))


def indexed(octets: bytes) -> Json:
    """A Uint8Array through JSON.stringify."""
    return {str(index): octet for index, octet in enumerate(octets)}


def long(value: int, *, unsigned: bool = True) -> Json:
    low, high = value & 0xFFFFFFFF, value >> 32
    return {"low": low - 2**32 if low >= 2**31 else low, "high": high, "unsigned": unsigned}


def text(content: str) -> Json:
    return {"conversation": content}


def media(
    kind: str,
    content: bytes,
    mimetype: str,
    *,
    caption: str | None = None,
    file_name: str | None = None,
    with_base64: bool = False,
) -> Json:
    digest = hashlib.sha256(content).digest()
    node: Json = {
        "url": f"https://mmg.whatsapp.net/v/t62.{kind}/{digest.hex()[:16]}.enc",
        "mimetype": mimetype,
        "fileSha256": indexed(digest),
        "fileLength": long(len(content)),
        "mediaKey": indexed(random.randbytes(32)),
        "directPath": f"/v/t62.{kind}/{digest.hex()[:16]}.enc",
        "mediaKeyTimestamp": long(int(time.time()), unsigned=False),
    }
    if kind == "audio":
        node |= {"seconds": 1, "ptt": True}
    if caption:
        node["caption"] = caption
    if file_name:
        node["fileName"] = file_name
    message: Json = {NODES[kind]: node}
    return {**message, "base64": b64encode(content).decode()} if with_base64 else message


def location(latitude: float, longitude: float, name: str) -> Json:
    node = {"degreesLatitude": latitude, "degreesLongitude": longitude, "name": name, "address": name}
    return {"locationMessage": node}


def reaction(target: Json, emoji: str) -> Json:
    stamp = long(int(time.time() * 1000), unsigned=False)
    return {"reactionMessage": {"key": target, "text": emoji, "senderTimestampMs": stamp}}


def quotation(stanza_id: str, participant: str, quoted: Json) -> Json:
    return {
        "mentionedJid": [],
        "groupMentions": [],
        "stanzaId": stanza_id,
        "participant": participant,
        "quotedMessage": quoted,
    }


def message_type(message: Json) -> str:
    return next(name for name in message if name not in ("base64", "messageContextInfo"))


def record(
    key: Json,
    message: Json,
    *,
    instance_id: str,
    push_name: str,
    status: str,
    source: str,
    at: float,
    context: Json | None = None,
) -> Json:
    """A message as `messages.upsert` and `send.message` carry it, and as a send answers it."""
    return {
        "key": key,
        "pushName": push_name,
        "status": status,
        "message": message,
        "contextInfo": context,
        "messageType": message_type(message),
        "messageTimestamp": int(at),
        "instanceId": instance_id,
        "source": source,
    }


def status_update(key: Json, status: str, *, instance_id: str, row: str) -> Json:
    return {
        "keyId": key["id"],
        "remoteJid": key["remoteJid"],
        "fromMe": key["fromMe"],
        "status": status,
        "instanceId": instance_id,
        "messageId": row,
    }


def edited(key: Json, content: str) -> Json:
    """What a customer's edit looks like: the key is theirs, the type a word, the time a string."""
    return {
        "key": key,
        "type": "MESSAGE_EDIT",
        "editedMessage": {"conversation": content},
        "timestampMs": str(int(time.time() * 1000)),
    }


def own_edit(key: Json, content: str) -> Json:
    return {
        "key": key,
        "type": 14,
        "editedMessage": {"extendedTextMessage": {"text": content}},
        "timestampMs": int(time.time() * 1000),
    }


def revoked(key: Json) -> Json:
    return {"key": key, "type": "REVOKE"}


def refusal(status: int, message: Any) -> Json:
    names = {
        400: "Bad Request",
        401: "Unauthorized",
        403: "Forbidden",
        404: "Not Found",
        429: "Too Many Requests",
        500: "Internal Server Error",
        503: "Service Unavailable",
    }
    return {"status": status, "error": names.get(status, "Error"), "response": {"message": message}}


GRAPH_ERROR: Json = {
    "message": "(#131030) Recipient phone number not in allowed list",
    "type": "OAuthException",
    "code": 131030,
    "error_data": {"messaging_product": "whatsapp", "details": "Recipient not in allowed list"},
    "fbtrace_id": "x",
}
