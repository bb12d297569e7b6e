"""What a real Evolution answered is read by our client."""

import json
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.messaging.evolution import calls, connections, lookups, outgoing
from services.messaging.evolution.calls import CallFailed, NotSent, Rejected, Server
from services.messaging.evolution.connections import Webhook
from services.messaging.evolution.outgoing import Key
from services.messaging.inbound import Media
from tests.fakes.loopback import serve
from tests.messaging.endpoint import MARIA, MARIA_JID, ago

RECORDED = Path(__file__).parent.parent / "fixtures" / "evolution" / "rest-2.3.6.jsonl"


def recorded() -> list[dict[str, Any]]:
    return [json.loads(line) for line in RECORDED.read_text().splitlines()]


async def replayed(exchange: dict[str, Any]) -> Any:
    """The recorded answer, given to the client's own reading of it."""

    async def answer(request: Request) -> Response:
        if request.url.path == "/":
            return Response(b'{"version": "2.3.6"}')
        return Response(json.dumps(exchange["response"]), exchange["status"])

    routes = [Route("/{path:path}", answer, methods=["GET", "POST", "DELETE"])]
    async with serve(Starlette(routes=routes)) as url:
        return await read(
            Server(url, "SECRET-1", "wa1"), exchange["path"].split("/")[1:3], exchange["request"] or {}
        )


async def read(server: Server, path: list[str], request: dict[str, Any]) -> Any:
    number, key = request.get("number", MARIA), Key("ID", MARIA_JID, from_me=True)
    match path:
        case ["message", "sendText"]:
            return await outgoing.send_text(server, number, request["text"])
        case ["message", "sendWhatsAppAudio"]:
            return await outgoing.send_audio(server, number, audio="aGk=")
        case ["message", "sendReaction"]:
            return await outgoing.send_reaction(server, key, request["reaction"])
        case ["message", _]:
            return await outgoing.send_media(server, number, kind="image", media="aGk=")
        case ["chat", "updateMessage"]:
            return await outgoing.edit_message(server, number, key, request["text"])
        case ["chat", "deleteMessageForEveryone"]:
            return await outgoing.delete_message(server, key)
        case ["chat", "markMessageAsRead"]:
            return await outgoing.mark_read(server, [key])
        case ["chat", "getBase64FromMediaMessage"]:
            return await lookups.fetch_media(server, "ID", "image", Media())
        case ["chat", "fetchProfile" | "fetchProfilePictureUrl"]:
            return await lookups.fetch_profile(server, number)
        case ["chat", "findMessages"]:
            return await lookups.find_messages(server, since=ago(10**8), until=ago(-(10**9)))
        case ["group", name] if name.startswith("fetchAllGroups"):
            return await lookups.fetch_groups(server)
        case ["instance", "create"]:
            return await connections.create(server)
        case ["instance", "connect"]:
            return await connections.connect(server)
        case ["instance", "connectionState"]:
            return await connections.connection_state(server)
        case ["webhook", "find"]:
            return await connections.find_webhook(server)
        case ["webhook", _]:
            return await connections.set_webhook(server, Webhook("http://hook.example"))
        case _:  # what is never asked: its refusals read like all others
            return await calls.call(server, "POST", "/".join(path), request, timeout=5.0)


@pytest.mark.parametrize(
    "exchange", recorded(), ids=lambda one: f"{one['path'].partition('?')[0]} {one['status']} {one['note']}"
)
async def test_every_recorded_answer_is_read(exchange: dict[str, Any]) -> None:
    refused = exchange["status"] >= 400
    lied = exchange["path"].startswith("/message") and "key" not in exchange["response"]
    if not refused and not lied:
        answer = await replayed(exchange)
        if exchange["path"].startswith("/message"):
            assert answer.external_id == exchange["response"]["key"]["id"]
        return

    with pytest.raises(CallFailed) as caught:
        await replayed(exchange)

    closed = exchange["note"] == "socket send failure"
    assert isinstance(caught.value, NotSent if closed else Rejected)
    assert caught.value.message
    assert "[" not in caught.value.message.replace("[object Object]", "").replace("events[0]", "")
