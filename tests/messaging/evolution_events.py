"""Evolution's events as tests make them up, and what is read in them."""

from typing import Any

import orjson

from services.messaging.evolution import events
from services.messaging.inbound import Chat, Envelope, Message

PHONE, LID, GROUP = "5511988887777@s.whatsapp.net", "182736455463728@lid", "120363025246125486@g.us"


def parse(event: str, data: Any, **envelope: Any) -> Envelope:
    return events.parse(orjson.dumps({"event": event, "instance": "loja", "data": data, **envelope}))


def only(event: str, data: Any) -> Any:
    (item,) = parse(event, data).items
    return item


def upsert(
    content: str | dict[str, Any] = "oi", *, key: dict[str, Any] | None = None, **data: Any
) -> dict[str, Any]:
    message = {"conversation": content} if isinstance(content, str) else content
    named = {"remoteJid": PHONE, "fromMe": False, "id": "ID1", **(key or {})}
    return {"key": named, "pushName": "Maria", "messageTimestamp": 1795459370, "message": message, **data}


def message(content: str | dict[str, Any] = "oi", **changes: Any) -> Message:
    item = only("messages.upsert", upsert(content, **changes))
    assert isinstance(item, Message)
    return item


def chat(**key: Any) -> Chat:
    return message(key=key).chat
