"""Evolution's webhooks: each gets a receipt, none is lost, and none spoils the others of its batch."""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass

import orjson
import psycopg
from sqlalchemy import insert

from protos import messaging_pb2 as pb
from services.kit.actor import Actor
from services.kit.clock import now, parse
from services.kit.db import Database, Row, Session
from services.kit.log import log
from services.kit.settings import load
from services.messaging import arrivals, instances, statuses
from services.messaging.arrivals import Arrival
from services.messaging.evolution import events
from services.messaging.inbound import (
    ConnectionUpdate,
    Envelope,
    History,
    Ignored,
    Item,
    Malformed,
    Message,
    QrCode,
    StatusUpdate,
)
from services.messaging.models import Quarantined
from services.messaging.settings import MessagingSettings

POISON = (
    psycopg.DataError,
    psycopg.IntegrityError,
    psycopg.ProgrammingError,
    ValueError,
    TypeError,
    LookupError,
)

INSTANCES = """
    select i.id, i.instance_name, i.instance_id_external, i.status, i.last_inbound_at, s.webhook_secret_hash,
           s.previous_webhook_secret_hash, s.previous_webhook_secret_until
    from instances i left join instance_secrets s on s.instance_id = i.id
    where i.instance_name = any(%(names)s) or i.instance_id_external = any(%(names)s)
"""


@dataclass
class Delivery:
    """One webhook on its way through: what it says, whose it is, and what becomes of it."""

    body: bytes
    secret: str
    envelope: Envelope | None = None
    instance: Row | None = None
    receipt: pb.Receipt | None = None


async def receive(
    db: Database, actor: Actor, request: pb.ReceiveWebhooksRequest
) -> pb.ReceiveWebhooksResponse:
    """Returns when everything that it says yes to is committed."""
    deliveries = [_read(webhook) for webhook in request.webhooks]
    await _recognise(db, [one for one in deliveries if one.envelope])
    await _take_in(db, [one for one in deliveries if one.receipt is None])
    return pb.ReceiveWebhooksResponse(receipts=[one.receipt or pb.Receipt(status=503) for one in deliveries])


def _read(webhook: pb.Webhook) -> Delivery:
    delivery = Delivery(webhook.body, webhook.secret)
    try:
        delivery.envelope = events.parse(webhook.body)
    except Malformed as malformed:
        if malformed.reason in ("not_json", "not_an_object", "no_event", "no_instance"):
            delivery.receipt = pb.Receipt(status=400, received=False, reason=malformed.reason)
        else:
            delivery.receipt = None
            delivery.envelope = Envelope("malformed", "", None, (Ignored(malformed.reason),))
    return delivery


async def _recognise(db: Database, deliveries: Sequence[Delivery]) -> None:
    """Find the instance of each, and refuse whoever does not know its secret."""
    names = {name for one in deliveries for name in _names(one) if name}
    async with db.read() as session:
        rows = await session.all(INSTANCES, names=[*names])
    known = {name: row for row in rows for name in (row.instance_id_external, row.instance_name) if name}
    for one in deliveries:
        one.instance = next((known[name] for name in _names(one) if name in known), None)
        if not _is_authentic(one):
            one.receipt = pb.Receipt(
                status=401, received=False, reason="The webhook secret is missing or wrong."
            )


def _names(delivery: Delivery) -> tuple[str, ...]:
    envelope = delivery.envelope
    return (envelope.instance, envelope.instance_external_id or "") if envelope else ()


def _is_authentic(delivery: Delivery) -> bool:
    instance = delivery.instance
    if instance is None or instance.webhook_secret_hash is None:
        return not load(MessagingSettings).webhook_needs_secret
    given = instances.hash_secret(delivery.secret)
    if hmac.compare_digest(given, instance.webhook_secret_hash):
        return True
    until = instance.previous_webhook_secret_until
    return (
        until is not None
        and parse(until) > now()
        and hmac.compare_digest(given, instance.previous_webhook_secret_hash or "")
    )


async def _take_in(db: Database, deliveries: list[Delivery]) -> None:
    """All in one transaction; where one of them is poison, each in its own, and that one set aside."""
    if not deliveries:
        return
    try:
        async with db.begin() as session:
            receipts = await _handle(session, deliveries)
    except POISON as error:
        if len(deliveries) == 1:
            await _set_aside(db, deliveries[0], type(error).__name__)
            return
        for one in deliveries:
            await _take_in(db, [one])
        return
    for one, receipt in zip(deliveries, receipts, strict=True):
        one.receipt = receipt


async def _set_aside(db: Database, delivery: Delivery, reason: str) -> None:
    async with db.begin() as session:
        delivery.receipt = await _quarantine(session, delivery, reason)


async def _handle(session: Session, deliveries: list[Delivery]) -> list[pb.Receipt]:
    """Messages first and together, then the rest one by one in the order they came."""
    messages = [arrival for one in deliveries if one.instance for arrival in _messages(one)]
    await arrivals.take_in(session, messages)
    await instances.heard(session, [one.instance for one in deliveries if one.instance and _messages(one)])
    return [await _finish(session, one) for one in deliveries]


def _messages(delivery: Delivery) -> list[Arrival]:
    assert delivery.envelope is not None
    assert delivery.instance is not None
    found = []
    for item in delivery.envelope.items:
        if isinstance(item, Message):
            found.append(Arrival(delivery.instance.id, item))
        if isinstance(item, History):
            found.extend(Arrival(delivery.instance.id, one, is_history=True) for one in item.messages)
    return found


async def _finish(session: Session, delivery: Delivery) -> pb.Receipt:
    envelope = delivery.envelope
    assert envelope is not None
    if envelope.event == "malformed":
        return await _quarantine(session, delivery, _ignored(envelope.items[0]) or "malformed")
    if all(isinstance(item, Ignored) for item in envelope.items):
        reason = _ignored(envelope.items[0]) if envelope.items else "empty"
        return pb.Receipt(status=200, received=True, event=envelope.event, ignored=True, reason=reason)
    if delivery.instance is None:
        return await _quarantine(session, delivery, "Instance not found")
    reasons = [await _apply(session, delivery.instance, item) for item in envelope.items]
    processed = sum(reason is None for reason in reasons)
    receipt = pb.Receipt(status=200, received=True, event=envelope.event, processed=processed)
    if not processed:
        receipt.ignored, receipt.reason = True, next(reason for reason in reasons if reason)
    return receipt


async def _apply(session: Session, instance: Row, item: Item) -> str | None:
    """None when it was taken in, else why it was not."""
    match item:
        case Message() | History():
            return None
        case StatusUpdate():
            return await statuses.move(session, instance.id, item)
        case ConnectionUpdate():
            return await instances.connection_changed(session, instance.id, item)
        case QrCode():
            return await instances.show_qr(session, instance.id, item)
        case Ignored(reason):
            return reason
        case _:
            return f"{type(item).__name__.lower()}_not_supported"


def _ignored(item: Item) -> str | None:
    return item.reason if isinstance(item, Ignored) else None


async def _quarantine(session: Session, delivery: Delivery, reason: str) -> pb.Receipt:
    envelope = delivery.envelope
    assert envelope is not None
    await session.run(
        insert(Quarantined).values(
            instance_name=envelope.instance, reason=reason, body=_without_key(delivery.body)
        )
    )
    log.warning("webhook_quarantined", webhook_event=envelope.event, reason=reason)
    return pb.Receipt(status=200, received=True, event=envelope.event, quarantined=True, reason=reason)


def _without_key(body: bytes) -> bytes:
    """Evolution puts the instance's key into every body; it is not ours to keep."""
    try:
        envelope = orjson.loads(body)
    except orjson.JSONDecodeError:
        return b"{}"
    if isinstance(envelope, dict):
        envelope.pop("apikey", None)
        envelope.pop("api_key", None)
    return orjson.dumps(envelope)
