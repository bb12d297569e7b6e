"""WhatsApp instances: where they live, how they are called, and whether they are alive."""

import hashlib
import secrets
from datetime import timedelta
from urllib.parse import urlsplit

from sqlalchemy import func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from protos import messaging_pb2 as pb
from services.kit import pages
from services.kit.actor import Actor
from services.kit.clock import now
from services.kit.db import Database, Row, Session
from services.kit.errors import Invalid, NotFound, Upstream
from services.kit.pb import columns
from services.messaging.evolution import connections
from services.messaging.evolution.calls import CallFailed, Server
from services.messaging.models import Instance, InstanceSecret
from services.messaging.settings import settings, vault

SECRETS_OVERLAP = timedelta(minutes=30)  # Evolution's retries of events with the old secret last twenty

SHOWN = select(
    *columns(pb.Instance, Instance),
    (InstanceSecret.instance_id.is_not(None)).label("has_secrets"),
    InstanceSecret.api_url,
).join(InstanceSecret, InstanceSecret.instance_id == Instance.id, isouter=True)


class InstanceNotFound(NotFound):
    """Instance not found"""


class SecretsNotFound(NotFound):
    """Instance secrets not found"""


class NameTaken(Invalid):
    """An instance with this name exists already."""

    code = "instance_exists"


class WebhookNotSet(Upstream):
    """Evolution did not take the webhook."""


async def list_instances(
    session: Session, actor: Actor, request: pb.ListInstancesRequest
) -> pb.ListInstancesResponse:
    page = pages.read(request)
    statement = SHOWN.order_by(Instance.created_at, Instance.id).limit(page.fetch).offset(page.offset)
    if page.after:
        statement = statement.where(tuple_(Instance.created_at, Instance.id) > tuple_(*page.after))
    total = await session.scalar(select(func.count()).select_from(Instance)) if page.wants_total else None
    rows, pagination = pages.cut(
        page, await session.all(statement), lambda row: (row.created_at, row.id), total
    )
    return pb.ListInstancesResponse(instances=[shown(row) for row in rows], pagination=pagination)


def shown(row: Row) -> pb.Instance:
    values = row._asdict()
    api_url = values.pop("api_url")
    return pb.Instance(**values, api_host=urlsplit(api_url).netloc if api_url else None)


async def create(session: Session, actor: Actor, request: pb.CreateInstanceRequest) -> pb.InstanceResponse:
    """The instance and its credentials, sealed."""
    if request.provider_type == "cloud" and not request.instance_id_external:
        raise Invalid(fields={"instanceIdExternal": "is required for the cloud provider"})
    made = await session.scalar(
        insert(Instance)
        .values(
            name=request.name,
            instance_name=request.instance_name,
            provider_type=request.provider_type or "self_hosted",
            instance_id_external=request.instance_id_external or None,
        )
        .on_conflict_do_nothing()
        .returning(Instance.id)
    )
    if made is None:
        raise NameTaken
    await session.run(
        insert(InstanceSecret).values(
            instance_id=made,
            api_url=base_url(request.api_url),
            api_key=vault().seal(f"instance_secrets:{made}:api_key", request.api_key),
        )
    )
    row = await session.first(SHOWN.where(Instance.id == made))
    return pb.InstanceResponse(success=True, instance=shown(row))


def base_url(api_url: str) -> str:
    return api_url.rstrip("/").removesuffix("/manager").rstrip("/")


async def server(session: Session, instance: str) -> Server:
    """Where and how Evolution is called for an instance."""
    row = await session.first(
        select(
            Instance.instance_name,
            Instance.instance_id_external,
            Instance.provider_type,
            InstanceSecret.api_url,
            InstanceSecret.api_key,
        )
        .join(InstanceSecret, InstanceSecret.instance_id == Instance.id, isouter=True)
        .where(Instance.id == instance)
    )
    if row is None:
        raise InstanceNotFound
    if row.api_key is None:
        raise SecretsNotFound
    external = row.instance_id_external if row.provider_type == "cloud" else None
    key = vault().open(f"instance_secrets:{instance}:api_key", row.api_key)
    return Server(row.api_url, key, external or row.instance_name)


async def configure_webhook(
    db: Database, actor: Actor, request: pb.ConfigureWebhookRequest
) -> pb.ConfigureWebhookResponse:
    """A new secret, told to Evolution; the old one still opens while retries that carry it may come."""
    async with db.read() as session:
        target = await server(session, request.id)
    url = request.url or f"{settings().public_url}/api/whatsapp/webhooks/evolution"
    secret = secrets.token_urlsafe(32)
    async with db.begin() as session:
        await session.run(
            update(InstanceSecret)
            .where(InstanceSecret.instance_id == request.id)
            .values(
                previous_webhook_secret_hash=InstanceSecret.webhook_secret_hash,
                previous_webhook_secret_until=now() + SECRETS_OVERLAP,
                webhook_secret_hash=hash_secret(secret),
            )
        )
    try:
        await connections.set_webhook(
            target,
            connections.Webhook(url=url, headers={"x-webhook-token": secret}),
        )
    except CallFailed as error:
        raise WebhookNotSet(error.message) from error
    return pb.ConfigureWebhookResponse(success=True, url=url, events=connections.EVENTS)


def hash_secret(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
