"""Evolution's instances: make one, connect it to a phone, ask how it is, set its webhook."""

from dataclasses import dataclass, field
from typing import Any

from services.messaging.evolution import chats, events
from services.messaging.evolution.calls import (
    READ_TIMEOUT,
    SEND_TIMEOUT,
    STATE_TIMEOUT,
    Rejected,
    Server,
    call,
    detail_of,
    named,
    speaks_v1,
    version,
)
from services.messaging.evolution.values import elements, fields, text
from services.messaging.inbound import ConnectionUpdate, QrCode

EVENTS = (
    "MESSAGES_UPSERT",
    "MESSAGES_UPDATE",
    "MESSAGES_DELETE",
    "MESSAGES_EDITED",
    "SEND_MESSAGE",
    "CONNECTION_UPDATE",
    "QRCODE_UPDATED",
    "CONTACTS_UPDATE",
)
UNKNOWN_TO_V1 = {"MESSAGES_EDITED"}
NOT_CONNECTED = "is not connected"


@dataclass(frozen=True, slots=True)
class Webhook:
    url: str
    events: tuple[str, ...] = EVENTS
    headers: dict[str, str] = field(default_factory=dict)
    base64: bool = False
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class Created:
    external_id: str | None
    token: str | None
    connection: ConnectionUpdate
    qr_code: QrCode | None


@dataclass(frozen=True, slots=True)
class Listed:
    name: str
    external_id: str | None
    connection: ConnectionUpdate


async def create(
    server: Server,
    webhook: Webhook,
    *,
    token: str | None = None,
    number: str | None = None,
    integration: str = "WHATSAPP-BAILEYS",
) -> Created:
    """Needs the server's own key, not an instance's. With a `number` the phone can be paired by code."""
    v1 = await speaks_v1(server)
    wanted = {"token": token, "number": number}
    hook = v1_webhook(webhook) if v1 else {"webhook": v2_webhook(webhook)}
    if v1:
        hook["webhook"] = hook.pop("url")
        hook.pop("enabled")
    body = {
        "instanceName": server.identifier,
        "integration": integration,
        "qrcode": True,
        **{name: value for name, value in wanted.items() if value},
        **hook,
    }
    answer = fields(await call(server, "POST", "instance/create", body, timeout=SEND_TIMEOUT))
    made, hash_ = fields(answer.get("instance")), answer.get("hash")
    qr_code = fields(answer.get("qrcode"))
    return Created(
        external_id=text(made.get("instanceId")),
        token=text(hash_) or text(fields(hash_).get("apikey")),
        connection=events.connection(made),
        qr_code=qr(qr_code) if qr_code else None,
    )


async def connect(server: Server, *, number: str | None = None) -> QrCode | ConnectionUpdate:
    """A code to scan; the connection, if there is one already. A code without content is still being made."""
    query = {"number": number} if number else {}
    path = f"instance/connect/{named(server)}"
    answer = fields(await call(server, "GET", path, query=query, timeout=SEND_TIMEOUT))
    if answer.get("error"):
        raise Rejected(detail_of(server, answer) or "Evolution cannot connect this instance.", 200)
    return events.connection(fields(answer["instance"])) if "instance" in answer else qr(answer)


async def connection_state(server: Server) -> ConnectionUpdate:
    """The vendor's cloud answers nothing for an instance that is connected."""
    answer = await call(server, "GET", f"instance/connectionState/{named(server)}", timeout=STATE_TIMEOUT)
    if not answer:
        return ConnectionUpdate(status="connected", state="open")
    return events.connection(fields(fields(answer).get("instance")) or fields(answer))


async def logout(server: Server) -> None:
    """What is not connected is logged out already."""
    try:
        await call(server, "DELETE", f"instance/logout/{named(server)}", timeout=SEND_TIMEOUT)
    except Rejected as error:
        if error.upstream_status != 400 or NOT_CONNECTED not in error.message:
            raise


async def fetch_instances(server: Server) -> tuple[Listed, ...]:
    """Every instance that the key may see."""
    answer = await call(server, "GET", "instance/fetchInstances", timeout=READ_TIMEOUT)
    return tuple(listed(fields(row)) for row in elements(answer))


def listed(row: dict[str, Any]) -> Listed:
    row = fields(row.get("instance")) or row
    state = text(row.get("connectionStatus")) or text(row.get("status")) or ""
    return Listed(
        name=text(row.get("name")) or text(row.get("instanceName")) or "",
        external_id=text(row.get("id")) or text(row.get("instanceId")),
        connection=ConnectionUpdate(
            status=events.CONNECTIONS.get(state, "disconnected"),
            state=state,
            phone=chats.phone(text(row.get("ownerJid")) or text(row.get("owner"))),
            profile_name=text(row.get("profileName")),
            profile_picture_url=text(row.get("profilePicUrl")) or text(row.get("profilePictureUrl")),
        ),
    )


async def takes_headers(server: Server) -> bool:
    """Where it does not, the secret has to be a part of the URL."""
    return not (await version(server)).startswith(("1.", "2.0"))


async def set_webhook(server: Server, webhook: Webhook) -> None:
    v1 = await speaks_v1(server)
    body = v1_webhook(webhook) if v1 else {"webhook": v2_webhook(webhook)}
    await call(server, "POST", f"webhook/set/{named(server)}", body, timeout=READ_TIMEOUT)


async def find_webhook(server: Server) -> Webhook | None:
    answer = fields(await call(server, "GET", f"webhook/find/{named(server)}", timeout=READ_TIMEOUT))
    url = text(answer.get("url"))
    if url is None:
        return None
    headers = {name: value for name, value in fields(answer.get("headers")).items() if isinstance(value, str)}
    return Webhook(
        url=url,
        events=tuple(event for event in map(text, elements(answer.get("events"))) if event),
        headers=headers,
        base64=(answer.get("webhookBase64") or answer.get("webhook_base64")) is True,
        enabled=answer.get("enabled") is True,
    )


def v2_webhook(webhook: Webhook) -> dict[str, Any]:
    return {
        "enabled": webhook.enabled,
        "url": webhook.url,
        "headers": webhook.headers,
        "byEvents": False,
        "base64": webhook.base64,
        "events": list(webhook.events),
    }


def v1_webhook(webhook: Webhook) -> dict[str, Any]:
    return {
        "enabled": webhook.enabled,
        "url": webhook.url,
        "webhook_by_events": False,
        "webhook_base64": webhook.base64,
        "events": [event for event in webhook.events if event not in UNKNOWN_TO_V1],
    }


def qr(answer: dict[str, Any]) -> QrCode:
    return QrCode(text(answer.get("base64")), text(answer.get("code")), text(answer.get("pairingCode")))
