"""Where Evolution posts an instance's events: told to it with a secret, and verified."""

import asyncio
import hmac
import secrets
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

from sqlalchemy import bindparam, select, update

from protos import messaging_pb2 as pb
from services.kit.actor import Actor
from services.kit.clock import now, parse
from services.kit.crypto import Unreadable
from services.kit.db import Database, Row, Session
from services.kit.errors import NotFound, Upstream
from services.kit.log import log
from services.messaging import instances
from services.messaging.evolution import connections
from services.messaging.evolution.calls import CallFailed, Server
from services.messaging.evolution.connections import Webhook
from services.messaging.instances import hash_secret
from services.messaging.models import Instance, InstanceSecret
from services.messaging.settings import settings

OVERLAP = timedelta(minutes=30)  # Evolution's retries of events with the old secret last twenty
UNTIL_IT_IS_SETTLED = parse("9999-12-31T00:00:00.000Z")
HEADER = "x-webhook-token"

AT_ONCE = 5
CONFIGURED = select(Instance.id, Instance.webhook_url).where(
    Instance.is_active, Instance.status == "connected", Instance.webhook_url.is_not(None)
)
HASHES = select(InstanceSecret.webhook_secret_hash, InstanceSecret.previous_webhook_secret_hash).where(
    InstanceSecret.instance_id == bindparam("instance")
)


class WebhookNotSet(Upstream):
    """Evolution did not take the webhook."""


async def configure(
    db: Database, actor: Actor, request: pb.ConfigureWebhookRequest
) -> pb.ConfigureWebhookResponse:
    """A new secret, told to Evolution. Both open until it is certain which one Evolution has."""
    async with db.read() as session:
        target = await instances.server(session, request.id)
    url = request.url or our_url()
    await post_to(db, request.id, target, url)
    return pb.ConfigureWebhookResponse(success=True, url=url, events=connections.EVENTS)


def our_url() -> str:
    return f"{settings().public_url}/api/whatsapp/webhooks/evolution"


async def post_to(db: Database, instance: str, target: Server, url: str) -> None:
    try:
        await verify(db, instance, target)  # an attempt before this one may have left its secret there
        secret = secrets.token_urlsafe(32)
        await _accept_too(db, instance, secret)
        headers = {HEADER: secret}
        if not await connections.takes_headers(target):
            url, headers = f"{url}?token={secret}", {}
        await connections.set_webhook(target, Webhook(url=url, headers=headers))
        if not await verify(db, instance, target):
            raise WebhookNotSet
    except CallFailed as error:
        raise WebhookNotSet(error.message) from error


async def verify(db: Database, instance: str, target: Server) -> bool:
    """Whether Evolution posts with a secret that opens here; the one that it has is the one that counts."""
    found = await connections.find_webhook(target)
    given = hash_secret(_secret(found)) if found and found.enabled else ""
    async with db.begin() as session:
        known = await session.first(HASHES.with_for_update(), instance=instance)
        if found is None or known is None or not given:
            return False
        if hmac.compare_digest(given, known.previous_webhook_secret_hash or ""):
            await _prefer(session, instance, given, known.webhook_secret_hash)
        elif not hmac.compare_digest(given, known.webhook_secret_hash or ""):
            return False
        values = {"webhook_url": found.url.partition("?")[0], "webhook_checked_at": now()}
        await session.run(update(Instance).where(Instance.id == instance).values(**values))
    return True


async def keep_verified(db: Database) -> None:
    """Evolution forgets webhooks when an instance is made anew over there: told again where that happened."""
    async with db.read() as session:
        rows = await session.all(CONFIGURED)
    few = asyncio.Semaphore(AT_ONCE)
    await asyncio.gather(*(_keep_verified(db, row, few) for row in rows))


async def _keep_verified(db: Database, row: Row, few: asyncio.Semaphore) -> None:
    try:
        async with db.read() as session:
            target = await instances.server(session, row.id)
        async with few:
            if not await verify(db, row.id, target):
                await post_to(db, row.id, target, row.webhook_url)
                log.warning("webhook_restored", instance_id=row.id)
    except (CallFailed, WebhookNotSet, NotFound, Unreadable) as error:
        log.info("webhook_not_verified", instance_id=row.id, error=type(error).__name__)


def _secret(webhook: Webhook) -> str:
    in_header = next((value for name, value in webhook.headers.items() if name.lower() == HEADER), None)
    return in_header or parse_qs(urlsplit(webhook.url).query).get("token", [""])[0]


async def _accept_too(db: Database, instance: str, secret: str) -> None:
    """From now on, and demanded when Evolution is known to have it."""
    async with db.begin() as session:
        await session.run(
            update(InstanceSecret)
            .where(InstanceSecret.instance_id == instance)
            .values(
                previous_webhook_secret_hash=hash_secret(secret),
                previous_webhook_secret_until=UNTIL_IT_IS_SETTLED,
            )
        )


async def _prefer(session: Session, instance: str, new: str, old: str | None) -> None:
    await session.run(
        update(InstanceSecret)
        .where(InstanceSecret.instance_id == instance)
        .values(
            webhook_secret_hash=new,
            previous_webhook_secret_hash=old,
            previous_webhook_secret_until=now() + OVERLAP,
        )
    )
