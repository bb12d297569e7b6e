"""Evolution's webhooks: each gets a receipt, none is lost, and none spoils the others of its batch."""

import asyncio
import hmac
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial

import psycopg

from protos import messaging_pb2 as pb
from services.kit.actor import Actor
from services.kit.clock import now, parse
from services.kit.db import Database, Row, Session
from services.messaging import arrivals, instances, links, news, quarantine
from services.messaging.arrivals import Arrival
from services.messaging.evolution import events
from services.messaging.inbound import Envelope, History, Ignored, Malformed, Message, StatusUpdate
from services.messaging.parking import Told
from services.messaging.settings import settings

POISON = (
    psycopg.DataError,
    psycopg.IntegrityError,
    psycopg.ProgrammingError,
    psycopg.errors.ProgramLimitExceeded,
    ValueError,
    TypeError,
    LookupError,
)
COLLISIONS = (psycopg.errors.DeadlockDetected, psycopg.errors.LockNotAvailable)
PROOFS = ("sent", "delivered", "read")
TRIES = 4
IN_A_THREAD = 256 * 1024
HISTORY_CHUNK = 300

NOTHING = Envelope("malformed", "", None, ())

INSTANCES = """
    select i.id, i.instance_name, i.instance_id_external, i.status, i.status_told_at, i.last_inbound_at,
           i.last_ack_at, s.webhook_secret_hash, s.previous_webhook_secret_hash,
           s.previous_webhook_secret_until
    from instances i left join instance_secrets s on s.instance_id = i.id
    where i.instance_name = any(%(names)s) or i.instance_id_external = any(%(names)s)
"""


@dataclass
class Delivery:
    """One webhook on its way through: what it says, whose it is, and what becomes of it."""

    body: bytes
    secret_hash: str | None
    is_retrial: bool = False
    envelope: Envelope = NOTHING
    malformed: str | None = None
    instance: Row | None = None
    receipt: pb.Receipt | None = None


async def receive(
    db: Database, actor: Actor, request: pb.ReceiveWebhooksRequest
) -> pb.ReceiveWebhooksResponse:
    """Returns when everything that it says yes to is committed."""
    deliveries = [
        Delivery(webhook.body, instances.hash_secret(webhook.secret) if webhook.secret else None)
        for webhook in request.webhooks
    ]
    await take_in(db, deliveries)
    return pb.ReceiveWebhooksResponse(receipts=[one.receipt or pb.Receipt(status=503) for one in deliveries])


async def take_in(db: Database, deliveries: Sequence[Delivery]) -> None:
    for delivery in deliveries:
        await _read(delivery)
    await _recognise(db, [one for one in deliveries if one.receipt is None])
    for one in deliveries:
        if one.receipt is None and one.instance:
            await _store_history(db, one)
    await _each(db, _store_and_tell, [one for one in deliveries if one.receipt is None and _is_talk(one)])
    for step in (_store_messages, _tell_the_rest):
        await _each(db, step, [one for one in deliveries if one.receipt is None])


def _is_talk(delivery: Delivery) -> bool:
    """Messages and nothing else, as most are: then nothing that is told takes locks out of their order."""
    items = delivery.envelope.items
    return delivery.instance is not None and all(isinstance(item, Message) for item in items)


async def _read(delivery: Delivery) -> None:
    """A long body in a thread: nobody waits for it."""
    try:
        if len(delivery.body) > IN_A_THREAD:
            delivery.envelope = await asyncio.to_thread(events.parse, delivery.body)
        else:
            delivery.envelope = events.parse(delivery.body)
    except Malformed as malformed:
        if malformed.reason == "not_json":
            delivery.receipt = pb.Receipt(status=400, received=False, reason=malformed.reason)
        delivery.malformed = malformed.reason
        delivery.envelope = Envelope("malformed", malformed.instance, None, ())


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
        elif one.malformed is not None:
            await _set_aside(db, one, one.malformed)
        elif one.instance is None and not _is_ignored(one):
            await _set_aside(db, one, quarantine.NO_INSTANCE)


def _names(delivery: Delivery) -> tuple[str, ...]:
    envelope = delivery.envelope
    return envelope.instance, envelope.instance_external_id or ""


def _is_authentic(delivery: Delivery) -> bool:
    """Of an instance that nobody knows yet the secret is checked when it is known: see quarantine.py."""
    instance, given = delivery.instance, delivery.secret_hash or ""
    if instance is None:
        return bool(given) or not settings().webhook_needs_secret
    if instance.webhook_secret_hash is None and not settings().webhook_needs_secret:
        return True
    if hmac.compare_digest(given, instance.webhook_secret_hash or "nothing"):
        return True
    until = instance.previous_webhook_secret_until
    return (
        until is not None
        and parse(until) > now()
        and hmac.compare_digest(given, instance.previous_webhook_secret_hash or "nothing")
    )


Step = Callable[[Session, Sequence[Delivery]], Awaitable[object]]


async def _each(db: Database, step: Step, deliveries: Sequence[Delivery]) -> None:
    """All in one transaction; where one of them is poison, each in its own, and that one set aside."""
    if not deliveries:
        return
    try:
        await _together(db, step, deliveries)
    except POISON as error:
        if len(deliveries) == 1:
            await _set_aside(db, deliveries[0], type(error).__name__)
            return
        for one in deliveries:
            await _each(db, step, [one])


async def _together(db: Database, step: Step, deliveries: Sequence[Delivery]) -> None:
    """Two transactions that wait for each other: one is told to come again."""
    for attempt in range(TRIES):
        try:
            async with db.begin() as session:
                await step(session, deliveries)
            return
        except COLLISIONS:
            if attempt == TRIES - 1:
                raise
            await asyncio.sleep(random.uniform(0.5, 1.5) * 0.02 * 3**attempt)


async def _store_history(db: Database, delivery: Delivery) -> None:
    """What was written before the connection: thousands of messages, that are nobody's news."""
    assert delivery.instance
    instance = delivery.instance.id
    for item in delivery.envelope.items:
        for start in range(0, len(item.messages) if isinstance(item, History) else 0, HISTORY_CHUNK):
            assert isinstance(item, History)
            chunk = item.messages[start : start + HISTORY_CHUNK]
            found = [Arrival(instance, message, is_history=True) for message in chunk]
            await _each(db, partial(_store, found=found), [delivery])


async def _store(session: Session, _: object, found: Sequence[Arrival]) -> None:
    await arrivals.take_in(session, found)


async def _store_and_tell(session: Session, deliveries: Sequence[Delivery]) -> None:
    await _store_messages(session, deliveries)
    await _tell_the_rest(session, deliveries)


async def _store_messages(session: Session, deliveries: Sequence[Delivery]) -> None:
    await arrivals.take_in(session, [arrival for one in deliveries for arrival in _messages(one)])


def _messages(delivery: Delivery) -> list[Arrival]:
    if delivery.instance is None:
        return []
    envelope, instance = delivery.envelope, delivery.instance.id
    found = [item for item in envelope.items if isinstance(item, Message)]
    return [Arrival(instance, message, envelope.told_at) for message in found]


async def _tell_the_rest(session: Session, deliveries: Sequence[Delivery]) -> None:
    """Whatever is told besides messages; and, last since locks have one order, which instances live."""
    told = [
        Told(one.instance.id, item, one.envelope.told_at)
        for one in deliveries
        for item in one.envelope.items
        if one.instance
    ]
    reasons = iter(await news.take_in(session, told))
    heard = [one for one in deliveries if one.instance and _messages(one)]
    await links.heard(session, [(one.instance, one.envelope.told_at) for one in heard])
    await links.acknowledged(session, [one.instance for one in deliveries if one.instance and _proves(one)])
    for one in deliveries:
        one.receipt = _receipt(one, [next(reasons) for _ in one.envelope.items] if one.instance else [])


def _proves(delivery: Delivery) -> bool:
    """That what was sent has left Evolution."""
    return any(isinstance(item, StatusUpdate) and item.status in PROOFS for item in delivery.envelope.items)


def _is_ignored(delivery: Delivery) -> bool:
    return all(isinstance(item, Ignored) for item in delivery.envelope.items)


def _receipt(delivery: Delivery, reasons: Sequence[str | None]) -> pb.Receipt:
    envelope = delivery.envelope
    processed = sum(reason is None for reason in reasons)
    receipt = pb.Receipt(status=200, received=True, event=envelope.event, processed=processed)
    if not processed:
        said = [item.reason for item in envelope.items if isinstance(item, Ignored)] + [
            *filter(None, reasons)
        ]
        receipt.ignored, receipt.reason = True, said[0] if said else "empty"
    return receipt


async def _set_aside(db: Database, delivery: Delivery, reason: str) -> None:
    envelope = delivery.envelope
    if not delivery.is_retrial:
        await quarantine.put(db, envelope.instance, reason, delivery.body, delivery.secret_hash)
    delivery.receipt = pb.Receipt(
        status=200, received=True, event=envelope.event, quarantined=True, reason=reason
    )
