"""Evolution's instances: make one, connect it to a phone, ask how it is, set its webhook."""

from dataclasses import dataclass, field
from typing import Any

from services.messaging.evolution import events
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


@dataclass(frozen=True, slots=True)
class Webhook:
    url: str
    events: tuple[str, ...] = EVENTS
    headers: dict[str, str] = field(default_factory=dict)
    base64: bool = False
    enabled: bool = True


async def create(server: Server, *, number: str | None = None) -> QrCode | ConnectionUpdate:
    """Needs the server's own key, not an instance's. With a `number` the phone can be paired by code."""
    body = {"instanceName": server.identifier, "integration": "WHATSAPP-BAILEYS", "qrcode": True}
    wanted = body | ({"number": number} if number else {})
    answer = fields(await call(server, "POST", "instance/create", wanted, timeout=SEND_TIMEOUT))
    code = fields(answer.get("qrcode"))
    return qr(code) if code else events.connection(fields(answer.get("instance")))


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
