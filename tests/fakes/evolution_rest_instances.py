"""The REST face of the simulator: a real Evolution's answers about instances and their webhooks."""

from base64 import b64decode, b64encode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.fakes import evolution_payloads as payloads
from tests.fakes.evolution_payloads import Json
from tests.fakes.evolution_rest import Refused, authorised, body_of, simulator_of
from tests.fakes.whatsapp import Simulator
from tests.fakes.whatsapp_state import WHOLE_WEBHOOK, Instance

EVENTS = [
    "APPLICATION_STARTUP",
    "QRCODE_UPDATED",
    "MESSAGES_SET",
    "MESSAGES_UPSERT",
    "MESSAGES_EDITED",
    "MESSAGES_UPDATE",
    "MESSAGES_DELETE",
    "SEND_MESSAGE",
    "SEND_MESSAGE_UPDATE",
    "CONTACTS_SET",
    "CONTACTS_UPSERT",
    "CONTACTS_UPDATE",
    "PRESENCE_UPDATE",
    "CHATS_SET",
    "CHATS_UPSERT",
    "CHATS_UPDATE",
    "CHATS_DELETE",
    "GROUPS_UPSERT",
    "GROUP_UPDATE",
    "GROUP_PARTICIPANTS_UPDATE",
    "CONNECTION_UPDATE",
    "LABELS_EDIT",
    "LABELS_ASSOCIATION",
    "CALL",
    "TYPEBOT_START",
    "TYPEBOT_CHANGE_STATUS",
    "REMOVE_INSTANCE",
    "LOGOUT_INSTANCE",
    "INSTANCE_CREATE",
    "INSTANCE_DELETE",
    "STATUS_INSTANCE",
]
SMALLEST_PNG = b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


async def create_instance(request: Request) -> Response:
    simulator, body = simulator_of(request), await body_of(request)
    if request.headers.get("apikey") != simulator.api_key:
        raise Refused(401, "Unauthorized")
    name = body.get("instanceName", "")
    if name in simulator.instances:
        raise Refused(403, [f'This name "{name}" is already in use.'])
    if "integration" not in body:
        raise Refused(400, ["Invalid integration"])
    hook = body.get("webhook")
    if isinstance(hook, str):
        hook = {"url": hook, "events": body.get("events", [])}
    if hook and "events" not in hook:
        raise Refused(400, ["Cannot read properties of undefined (reading 'length')"])
    instance = Instance(name, body.get("token") or payloads.row_id(), "5511900000001", state="connecting")
    simulator.instances[name] = instance
    if hook:
        instance.webhook = {**WHOLE_WEBHOOK, **hook, "enabled": True, "events": hook["events"] or EVENTS}
    simulator.post(instance, "instance.create", {"instanceName": name, "instanceId": instance.id})
    described = {
        "instanceName": name,
        "instanceId": instance.id,
        "integration": body["integration"],
        "webhookWaBusiness": None,
        "accessTokenWaBusiness": "",
        "status": instance.state,
    }
    answer = {"instance": described, "hash": instance.token, "webhook": {}, "settings": {}}
    if body.get("qrcode"):
        answer["qrcode"] = new_code(simulator, instance, body.get("number"))
    return JSONResponse(answer, 201)


def new_code(simulator: Simulator, instance: Instance, number: str | None) -> Json:
    instance.codes += 1
    code = {
        "pairingCode": "ABCD1234" if number else None,
        "code": f"2@{payloads.row_id()}",
        "base64": f"data:image/png;base64,{b64encode(SMALLEST_PNG).decode()}",
    }
    simulator.post(instance, "qrcode.updated", {"qrcode": {"instance": instance.name, **code}})
    return {**code, "count": instance.codes}


async def connect(request: Request) -> Response:
    simulator, instance = simulator_of(request), authorised(request)
    if instance.state == "open":
        return state(instance)
    simulator.connection(instance.name, "connecting")
    return JSONResponse(new_code(simulator, instance, request.query_params.get("number")))


async def connection_state(request: Request) -> Response:
    return state(authorised(request))


def state(instance: Instance) -> Response:
    return JSONResponse({"instance": {"instanceName": instance.name, "state": instance.state}})


async def logout(request: Request) -> Response:
    simulator, instance = simulator_of(request), authorised(request)
    if instance.state == "close":
        raise Refused(400, [f'The "{instance.name}" instance is not connected'])
    simulator.post(instance, "logout.instance", None)
    simulator.connection(instance.name, "close", 401)
    return JSONResponse({"status": "SUCCESS", "error": False, "response": {"message": "Instance logged out"}})


async def delete_instance(request: Request) -> Response:
    simulator, instance = simulator_of(request), authorised(request)
    simulator.post(instance, "instance.delete", {"instanceName": instance.name, "instanceId": instance.id})
    simulator.post(instance, "remove.instance", None)
    del simulator.instances[instance.name]
    return JSONResponse({"status": "SUCCESS", "error": False, "response": {"message": "Instance deleted"}})


async def fetch_instances(request: Request) -> Response:
    """The server's key sees all, an instance's token itself."""
    simulator, key = simulator_of(request), request.headers.get("apikey")
    seen = [one for one in simulator.instances.values() if key in (simulator.api_key, one.token)]
    if not seen and key != simulator.api_key:
        raise Refused(401, "Unauthorized")
    rows = [
        {
            "id": one.id,
            "name": one.name,
            "connectionStatus": one.state,
            "ownerJid": one.jid,
            "profileName": "Loja Teste",
            "profilePicUrl": None,
            "integration": one.integration,
            "number": one.number,
            "token": one.token,
        }
        for one in seen
    ]
    return JSONResponse(rows)


async def set_webhook(request: Request) -> Response:
    simulator, instance, body = simulator_of(request), authorised(request), await body_of(request)
    hook = body if simulator.version.startswith("1.") else body.get("webhook")
    if not isinstance(hook, dict):
        raise Refused(400, [['instance requires property "webhook"']])
    if "events" not in hook:
        raise Refused(500, "Cannot read properties of undefined (reading 'length')")
    for position, event in enumerate(hook["events"]):
        if event not in EVENTS:
            known = ",".join(EVENTS)
            raise Refused(400, [[f"webhook.events[{position}] is not one of enum values: {known}"]])
    events = (hook["events"] or EVENTS) if hook["enabled"] else []
    instance.webhook = {**WHOLE_WEBHOOK, **hook, "events": events}
    return JSONResponse(described_webhook(instance), 201)


async def find_webhook(request: Request) -> Response:
    return JSONResponse(described_webhook(authorised(request)))


def described_webhook(instance: Instance) -> Json | None:
    hook = instance.webhook
    if hook is None:
        return None
    return {
        "id": instance.webhook_row,
        "url": hook["url"],
        "headers": hook["headers"],
        "enabled": hook["enabled"],
        "events": hook["events"],
        "webhookByEvents": hook["byEvents"],
        "webhookBase64": hook["base64"],
        "instanceId": instance.id,
    }


ROUTES = [
    Route("/instance/create", create_instance, methods=["POST"]),
    Route("/instance/connect/{instance}", connect),
    Route("/instance/connectionState/{instance}", connection_state),
    Route("/instance/logout/{instance}", logout, methods=["DELETE"]),
    Route("/instance/delete/{instance}", delete_instance, methods=["DELETE"]),
    Route("/instance/fetchInstances", fetch_instances),
    Route("/webhook/set/{instance}", set_webhook, methods=["POST"]),
    Route("/webhook/find/{instance}", find_webhook),
]
