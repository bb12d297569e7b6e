"""The REST face of the simulator: a real Evolution's answers about chats, people and stored messages."""

import time
from base64 import b64encode
from datetime import datetime
from hashlib import sha256
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.fakes import evolution_payloads as payloads
from tests.fakes.evolution_payloads import Json
from tests.fakes.evolution_rest import Refused, authorised, body_of, jid_of, refusing, simulator_of
from tests.fakes.evolution_webhooks import Fault
from tests.fakes.whatsapp import Simulator
from tests.fakes.whatsapp_state import Customer, Instance, Stored, same_person


async def update_message(request: Request) -> Response:
    simulator, instance, body = simulator_of(request), authorised(request), await body_of(request)
    early = refusing(request, simulator.plan.take("chat/updateMessage") or Fault("none"))
    if early:
        return early
    stored = own_message(instance, body["key"]["id"], "Message not compatible")
    key = stored.record["key"]
    if jid_of(simulator, body["number"]) != key["remoteJid"]:
        raise Refused(400, ["RemoteJid does not match"])
    stored.record["message"] = payloads.text(body["text"])
    stored.updates.append("EDITED")
    simulator.tell(instance, key["remoteJid"], "edit", key["id"], body["text"])
    edit = payloads.own_edit(key, body["text"])
    simulator.post(instance, "send.message.update", edit)
    protocol = {**edit, "type": "MESSAGE_EDIT", "timestampMs": str(edit["timestampMs"])}
    return JSONResponse(protocol_record(key, protocol))


async def delete_message(request: Request) -> Response:
    simulator, instance, body = simulator_of(request), authorised(request), await body_of(request)
    early = refusing(request, simulator.plan.take("chat/deleteMessageForEveryone") or Fault("none"))
    if early:
        return early
    key = {"remoteJid": body["remoteJid"], "fromMe": body["fromMe"], "id": body["id"]}
    stored = instance.stored.get(body["id"])
    simulator.tell(instance, body["remoteJid"], "delete", body["id"])
    if stored:
        stored.record["key"]["deleted"] = True
        stored.updates.append("DELETED")
        row = {"id": stored.row, **stored.record, "status": "DELETED", "participant": None}
        simulator.post(instance, "messages.delete", row)
    return JSONResponse(protocol_record(key, {"key": key, "type": "REVOKE"}), 201)


def protocol_record(key: Json, protocol: Json) -> Json:
    return {
        "key": {"remoteJid": key["remoteJid"], "fromMe": True, "id": payloads.own_message_id()},
        "message": {"protocolMessage": protocol},
        "messageTimestamp": str(int(time.time())),
        "status": "PENDING",
    }


def own_message(instance: Instance, external_id: str, otherwise: str) -> Stored:
    stored = instance.stored.get(external_id)
    if stored is None or not stored.record["key"]["fromMe"]:
        raise Refused(400, [otherwise])
    return stored


async def mark_read(request: Request) -> Response:
    """Says success even of those that it skips."""
    simulator, instance, body = simulator_of(request), authorised(request), await body_of(request)
    for key in body.get("readMessages") or body.get("read_messages") or []:
        if not key["remoteJid"].endswith("@lid"):
            simulator.tell(instance, key["remoteJid"], "read", key["id"])
    return JSONResponse({"message": "Read messages", "read": "success"}, 201)


async def fetch_media(request: Request) -> Response:
    instance, body = authorised(request), await body_of(request)
    early = refusing(request, simulator_of(request).plan.take("chat/getBase64") or Fault("none"))
    if early:
        return early
    stored = instance.stored.get(body["message"]["key"]["id"])
    if stored is None:
        raise Refused(400, ["Message not found"])
    if stored.file is None:
        raise Refused(400, ["The message is not of the media type"])
    node = stored.record["message"][stored.record["messageType"]]
    answer = {
        "mediaType": stored.record["messageType"],
        "fileName": node.get("fileName") or f"{stored.record['key']['id']}.bin",
        "caption": node.get("caption"),
        "size": {"fileLength": node["fileLength"], "height": None, "width": None},
        "mimetype": node["mimetype"],
        "base64": b64encode(stored.file).decode(),
        "buffer": None,
    }
    return JSONResponse(answer, 201)


async def fetch_profile(request: Request) -> Response:
    simulator, _, body = simulator_of(request), authorised(request), await body_of(request)
    jid = jid_of(simulator, body["number"])
    customer = simulator.customers.get(same_person(jid))
    answer = {
        "wuid": jid,
        "name": customer.name if customer else None,
        "numberExists": True,
        "picture": picture_of(simulator, customer) if customer else None,
        "status": "Disponível",
        "isBusiness": False,
    }
    return JSONResponse({name: value for name, value in answer.items() if value is not None})


def picture_of(simulator: Simulator, customer: Customer) -> str:
    """Signed anew each time, as WhatsApp does it."""
    if customer.picture is None:
        return f"https://pps.whatsapp.net/v/{same_person(customer.phone)}.jpg"
    name = sha256(customer.picture).hexdigest()
    return f"{simulator.url}/pictures/{same_person(customer.phone)}/{name}.jpg?oh={uuid4().hex}"


async def show_picture(request: Request) -> Response:
    customer = simulator_of(request).customers[request.path_params["person"]]
    return Response(customer.picture, media_type="image/jpeg")


async def find_messages(request: Request) -> Response:
    """Newest first. The time counts only when both ends are given."""
    simulator, instance, body = simulator_of(request), authorised(request), await body_of(request)
    where = body.get("where") or {}
    jid, window = (where.get("key") or {}).get("remoteJid"), where.get("messageTimestamp") or {}
    rows = [stored for stored in instance.stored.values() if jid in (None, stored.record["key"]["remoteJid"])]
    if window.get("gte") and window.get("lte"):
        first, last = (datetime.fromisoformat(window[end]).timestamp() for end in ("gte", "lte"))
        rows = [stored for stored in rows if int(first) <= stored.record["messageTimestamp"] <= last]
    rows.sort(key=lambda stored: -int(stored.record["messageTimestamp"]))
    records = [
        {
            "id": stored.row,
            **stored.record,
            "MessageUpdate": [{"status": status} for status in stored.updates],
        }
        for stored in rows
    ]
    if simulator.version.startswith("1."):
        return JSONResponse(records)
    page, size = int(body.get("page") or 1), int(body.get("offset") or 50)
    found = {
        "total": len(records),
        "pages": -(-len(records) // size),
        "currentPage": page,
        "records": records[(page - 1) * size : page * size],
    }
    return JSONResponse({"messages": found})


async def find_numbers(request: Request) -> Response:
    simulator, _, body = simulator_of(request), authorised(request), await body_of(request)
    absent = set(map(same_person, simulator.absent))
    rows = [
        {"jid": f"{number}@s.whatsapp.net", "exists": same_person(number) not in absent, "number": number}
        for number in reversed(body["numbers"])
    ]
    return JSONResponse(rows)


async def fetch_groups(request: Request) -> Response:
    instance = authorised(request)
    if "getParticipants" not in request.query_params:
        raise Refused(400, ["The getParticipants needs to be informed in the query"])
    return JSONResponse(list(instance.groups.values()))


async def fetch_group(request: Request) -> Response:
    group = authorised(request).groups.get(request.query_params.get("groupJid", ""))
    if group is None:
        raise Refused(404, ["Error fetching group", "item-not-found"])
    return JSONResponse(group)


ROUTES = [
    Route("/chat/updateMessage/{instance}", update_message, methods=["POST", "PUT"]),
    Route("/chat/deleteMessageForEveryone/{instance}", delete_message, methods=["DELETE"]),
    Route("/chat/markMessageAsRead/{instance}", mark_read, methods=["POST", "PUT"]),
    Route("/chat/getBase64FromMediaMessage/{instance}", fetch_media, methods=["POST"]),
    Route("/chat/fetchProfile/{instance}", fetch_profile, methods=["POST"]),
    Route("/pictures/{person}/{name}", show_picture),
    Route("/chat/findMessages/{instance}", find_messages, methods=["POST"]),
    Route("/chat/whatsappNumbers/{instance}", find_numbers, methods=["POST"]),
    Route("/group/fetchAllGroups/{instance}", fetch_groups),
    Route("/group/findGroupInfos/{instance}", fetch_group),
]
