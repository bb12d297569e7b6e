"""The REST face of the simulator: a real Evolution's calls, answers and errors about messages."""

import asyncio
import binascii
import json
import re
import time
from base64 import b64decode
from typing import Any

import httpx2
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.fakes import evolution_payloads as payloads
from tests.fakes.evolution_payloads import Json
from tests.fakes.evolution_webhooks import Fault
from tests.fakes.whatsapp import Simulator
from tests.fakes.whatsapp_state import Instance, same_person

V1_NAMES = {"sendText": "textMessage", "sendMedia": "mediaMessage", "sendWhatsAppAudio": "audioMessage"}
REQUIRED = {
    "sendText": ["number", "text"],
    "sendMedia": ["number", "mediatype", "media"],
    "sendWhatsAppAudio": ["number", "audio"],
    "sendReaction": ["key", "reaction"],
    "sendLocation": ["number", "latitude", "longitude", "name", "address"],
}
EMOJI = re.compile(r"[0-9]\uFE0F?\u20E3|(?:\u2139|[^\w\s]){1,16}")


class Refused(Exception):
    def __init__(self, status: int, message: Any):
        self.status, self.message = status, message


async def refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return JSONResponse(payloads.refusal(error.status, error.message), error.status)


async def unknown_route(request: Request, error: Exception) -> Response:
    return JSONResponse(payloads.refusal(404, [f"Cannot {request.method} {request.url.path}"]), 404)


def simulator_of(request: Request) -> Simulator:
    simulator: Simulator = request.app.state.simulator
    return simulator


def authorised(request: Request) -> Instance:
    """Whether the instance exists is looked at first, even for those who may not know."""
    simulator, name = simulator_of(request), request.path_params["instance"]
    if name not in simulator.instances:
        raise Refused(404, [f'The "{name}" instance does not exist'])
    instance = simulator.instances[name]
    if request.headers.get("apikey") not in (simulator.api_key, instance.token):
        raise Refused(401, "Unauthorized")
    return instance


async def body_of(request: Request) -> Json:
    try:
        body = json.loads(await request.body() or b"{}")
    except ValueError as error:
        raise Refused(400, "Unexpected end of JSON input") from error
    return body if isinstance(body, dict) else {}


async def welcome(request: Request) -> Response:
    version = simulator_of(request).version
    return JSONResponse(
        {"status": 200, "message": "Welcome to the Evolution API, it is working!", "version": version}
    )


async def send(request: Request) -> Response:
    """Accepting and answering are two things, and a fault can come between them."""
    simulator, instance, verb = simulator_of(request), authorised(request), request.path_params["verb"]
    fault = simulator.plan.take(f"message/{verb}") or Fault("none")
    body = unpacked(simulator, verb, await body_of(request))
    early = refusing(request, fault)
    if early:
        return early
    if fault.kind == "slow":
        await asyncio.sleep(fault.seconds)
    if instance.state != "open":
        raise Refused(400, ["Error: Connection Closed"])
    message, text, file = await content(verb, body)
    record = own_record(simulator, instance, body, message)
    if fault.kind != "ghost":
        number = body.get("number") or body["key"]["remoteJid"]
        simulator.accept(instance, verb, number, record, text, file)
        if simulator.plan.echo != "never":
            echo = simulator.echo(instance, record)
            if echo and simulator.plan.echo == "first":
                await asyncio.wait([echo])
    return await answered(request, fault, record)


def refusing(request: Request, fault: Fault) -> Response | None:
    """The faults with which nothing is accepted."""
    if fault.kind == "status":
        headers = {} if fault.retry_after is None else {"retry-after": str(fault.retry_after)}
        return JSONResponse(payloads.refusal(fault.status, ["Planned"]), fault.status, headers)
    if fault.kind == "closed":
        raise Refused(400, ["Error: Connection Closed"])
    if fault.kind == "graph":
        return JSONResponse(payloads.GRAPH_ERROR, 201)
    if fault.kind == "keyless":
        return JSONResponse({"status": "PENDING"}, 201)
    return cut(request) if fault.kind == "drop" else None


async def answered(request: Request, fault: Fault, record: Json) -> Response:
    """What the caller is told about something that has been accepted."""
    if fault.kind == "cut":
        return cut(request)
    if fault.kind == "garbage":
        return Response(b'{"key": {"remoteJid": ', 201, media_type="application/json")
    if fault.kind == "fail":
        return JSONResponse(payloads.refusal(fault.status, ["Planned"]), fault.status)
    if fault.kind == "half":
        return half(request, JSONResponse(record, 201))
    if fault.kind == "twice":
        request.scope["transport"].write(raw(JSONResponse(record, 201)))
    if fault.kind == "late":
        await asyncio.sleep(fault.seconds)
    return JSONResponse(record, 201)


def raw(response: Response) -> bytes:
    head = b"".join(name + b": " + value + b"\r\n" for name, value in response.raw_headers)
    return b"HTTP/1.1 201 Created\r\n" + head + b"\r\n" + bytes(response.body)


def half(request: Request, response: Response) -> Response:
    """The connection ends in the middle of the answer."""
    whole = raw(response)
    request.scope["transport"].write(whole[: len(whole) - len(response.body) // 2])
    request.scope["transport"].close()
    return response


def cut(request: Request) -> Response:
    request.scope["transport"].abort()
    return Response(status_code=500)


def unpacked(simulator: Simulator, verb: str, body: Json) -> Json:
    """1.8 wraps what 2.x has flat, and each refuses the other's form."""
    if verb not in REQUIRED:
        raise Refused(404, [f"Cannot POST /message/{verb}"])
    if simulator.version.startswith("1.") and verb in (*V1_NAMES, "sendReaction"):
        name = V1_NAMES.get(verb, "reactionMessage")
        if not isinstance(body.get(name), dict):
            raise Refused(400, [[f'instance requires property "{name}"']])
        body = {**body.get("options", {}), **body[name], "number": body.get("number")}
    missing = [name for name in REQUIRED[verb] if body.get(name) is None]
    if missing:
        raise Refused(400, [[f'instance requires property "{name}"' for name in missing]])
    return body


async def content(verb: str, body: Json) -> tuple[Json, str, bytes | None]:
    if verb == "sendText":
        if not body["text"]:
            raise Refused(400, ["Text is required"])
        return payloads.text(body["text"]), body["text"], None
    if verb == "sendReaction":
        if body["reaction"] and not EMOJI.fullmatch(body["reaction"]):
            raise Refused(400, ["Reaction must be a single emoji or empty string"])
        return payloads.reaction(body["key"], body["reaction"]), body["reaction"], None
    if verb == "sendLocation":
        return payloads.location(body["latitude"], body["longitude"], body["name"]), body["name"], None
    if verb == "sendWhatsAppAudio":
        file = await file_of(body["audio"])
        return payloads.media("audio", file, "audio/ogg; codecs=opus"), "", file
    if body["mediatype"] == "document" and not body.get("fileName") and "://" not in body["media"]:
        raise Refused(400, ["For base64 the file name must be informed."])
    file = await file_of(body["media"])
    mimetype, caption = body.get("mimetype") or "application/octet-stream", body.get("caption") or ""
    message = payloads.media(
        body["mediatype"], file, mimetype, caption=caption, file_name=body.get("fileName")
    )
    return message, caption, file


async def file_of(media: str) -> bytes:
    """Evolution fetches URLs by itself; a data URI is neither URL nor base64 to it."""
    if media.startswith(("http://", "https://")) and "//localhost" not in media:
        try:
            async with httpx2.AsyncClient(trust_env=False) as client:
                answer = await client.get(media, timeout=10)
        except httpx2.HTTPError as error:
            raise Refused(500, ["Error: connect ECONNREFUSED"]) from error
        if answer.status_code != 200:
            raise Refused(500, [f"AxiosError: Request failed with status code {answer.status_code}"])
        return answer.content
    try:
        return b64decode(media, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refused(400, ["Owned media must be a url or base64"]) from error


def own_record(simulator: Simulator, instance: Instance, body: Json, message: Json) -> Json:
    jid = jid_of(simulator, body.get("number") or body["key"]["remoteJid"])
    quoted = body.get("quoted")
    context = None
    if quoted:
        context = payloads.quotation(quoted["key"]["id"], author_of(quoted), quoted.get("message") or {})
    return payloads.record(
        {"remoteJid": jid, "fromMe": True, "id": payloads.own_message_id()},
        message,
        instance_id=instance.id,
        push_name="Você",
        status="PENDING",
        source="web",
        at=time.time(),
        context=context,
    )


def author_of(quoted: Json) -> str:
    """Without the member, what is quoted of a group looks as if the group itself had said it."""
    return str(quoted["key"].get("participant") or quoted["key"].get("remoteJid") or "")


def jid_of(simulator: Simulator, number: str) -> str:
    """Evolution takes the ninth digit away where the area code is 31 or more."""
    if number.endswith("@lid"):
        known = (one for one in simulator.customers.values() if one.lid and number == f"{one.lid}@lid")
        customer = next(known, None)
        return (
            f"{customer.phone}@s.whatsapp.net" if customer and customer.addressing != "lid_only" else number
        )
    if "@" in number:
        return number
    digits = "".join(filter(str.isdigit, number))
    if len(digits) >= 18:
        return f"{digits}@g.us"
    if same_person(digits) in map(same_person, simulator.absent):
        jid = f"{digits}@s.whatsapp.net"
        raise Refused(400, [{"jid": jid, "exists": False, "number": number}])
    if len(digits) == 13 and digits.startswith("55") and int(digits[2:4]) >= 31:
        digits = digits[:4] + digits[5:]
    return f"{digits}@s.whatsapp.net"


ROUTES = [
    Route("/", welcome),
    Route("/message/{verb}/{instance}", send, methods=["POST"]),
]
