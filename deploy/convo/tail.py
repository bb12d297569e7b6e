"""`convo tail`: events as they happen, decoded."""

from collections.abc import AsyncIterator
from typing import Any

import orjson
from google.protobuf.message_factory import GetMessageClass

from deploy.convo.place import Place
from gateway import stream, wire
from gateway.routes import FILES
from services.kit.bus import subject

KINDS = {
    message.full_name: GetMessageClass(message)
    for file in FILES
    for message in file.message_types_by_name.values()
}


async def follow(place: Place, word: str, last: int) -> AsyncIterator[dict[str, Any]]:
    """From `last` events ago on; only those whose name or text holds the word."""
    async with place.bus() as bus:
        known = await stream.state(bus)
        async for batch in stream.follow(bus, max(known.last_seq - last, known.first_seq - 1)):
            for one in batch:
                headers = one.headers or {}
                kind = KINDS.get(headers.get("ce-type", ""))
                if kind is None:
                    continue
                name = subject(headers["ce-type"]).removeprefix("convo.")
                data = wire.dump(kind.FromString(one.data))
                if word in name or word.encode() in orjson.dumps(data):
                    yield {
                        "id": stream.place(one),
                        "time": headers.get("ce-time"),
                        "name": name,
                        "requestId": headers.get("ce-request-id"),
                        "data": data,
                    }
