"""WhatsApp instances: where they live, how they are called, and whether they are alive."""

import hashlib
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import psycopg
from sqlalchemy import bindparam, delete, func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from protos import messaging_pb2 as pb
from services.kit import egress, pages
from services.kit.actor import Actor
from services.kit.clock import now, parse
from services.kit.db import Database, Row, Session
from services.kit.errors import Conflict, Invalid, NotFound
from services.kit.pb import columns
from services.kit.settings import vault
from services.messaging.evolution.calls import Server
from services.messaging.models import Conversation, Instance, InstanceSecret
from services.messaging.settings import callable_hosts

ACKNOWLEDGED_WITHIN = timedelta(minutes=10)  # WhatsApp does it in a second
HEARD_WITHIN = timedelta(hours=24)
CHANGEABLE = (
    "name",
    "instance_name",
    "provider_type",
    "instance_id_external",
    "is_active",
    "sends_per_minute",
)

SHOWN = select(
    *columns(pb.Instance, Instance),
    Instance.last_sent_at,
    (InstanceSecret.instance_id.is_not(None)).label("has_secrets"),
    InstanceSecret.api_url,
).join(InstanceSecret, InstanceSecret.instance_id == Instance.id, isouter=True)
PROVIDER = select(Instance.provider_type, Instance.instance_id_external).where(Instance.id == bindparam("id"))


class InstanceNotFound(NotFound):
    """Instance not found"""


class SecretsNotFound(NotFound):
    """Instance secrets not found"""


class NameTaken(Invalid):
    """An instance with this name exists already."""

    code = "instance_exists"


class ExternalIdNeeded(Invalid):
    """instanceIdExternal is required for the cloud provider"""

    code = "validation_error"

    def __init__(self) -> None:
        super().__init__(fields={"instanceIdExternal": "is required for the cloud provider"})


class InstanceInUse(Conflict):
    """This instance has conversations. With `force` they go with it."""

    code = "instance_in_use"


async def list_instances(
    session: Session, actor: Actor, request: pb.ListInstancesRequest
) -> pb.ListInstancesResponse:
    page = pages.read(request)
    statement = SHOWN.order_by(Instance.created_at, Instance.id).limit(page.fetch).offset(page.offset)
    if page.after:
        here = (Instance.created_at, Instance.id)
        statement = statement.where(tuple_(*here) > pages.place(page, *here))
    total = await session.scalar(select(func.count()).select_from(Instance)) if page.wants_total else None
    rows, pagination = pages.cut(
        page, await session.all(statement), lambda row: (row.created_at, row.id), total
    )
    return pb.ListInstancesResponse(instances=[shown(row) for row in rows], pagination=pagination)


async def get(session: Session, actor: Actor, request: pb.GetInstanceRequest) -> pb.InstanceResponse:
    return await _answer(session, request.id)


async def _answer(session: Session, id: str) -> pb.InstanceResponse:
    row = await session.first(SHOWN.where(Instance.id == id))
    if row is None:
        raise InstanceNotFound
    return pb.InstanceResponse(success=True, instance=shown(row))


def shown(row: Row) -> pb.Instance:
    values = row._asdict()
    api_url = values.pop("api_url")
    del values["last_sent_at"]
    return pb.Instance(**values, api_host=urlsplit(api_url).netloc if api_url else None, health=health(row))


def health(row: Row) -> str:
    """What the instance proves, whatever Evolution says of it."""
    if row.status != "connected":
        return "disconnected"
    heard = max(row.last_inbound_at or "", row.last_ack_at or "")
    if is_deaf(row) or (heard and now() - parse(heard) > HEARD_WITHIN):
        return "silent"
    return "ok"


def is_deaf(row: Row) -> bool:
    """What was handed over a while ago has not been acknowledged: connected in name only."""
    if row.last_sent_at is None or now() - parse(row.last_sent_at) < ACKNOWLEDGED_WITHIN:
        return False
    return max(row.last_ack_at or "", row.last_inbound_at or "") < str(row.last_sent_at)


async def check(
    session: Session, actor: Actor, request: pb.CheckInstancesRequest
) -> pb.CheckInstancesResponse:
    """Whether what is handed to them now has a chance to leave."""
    wanted = Instance.id.in_([*request.ids]) if request.ids else Instance.is_active
    rows = await session.all(SHOWN.where(wanted).order_by(Instance.created_at, Instance.id))
    found = [
        pb.InstanceHealth(
            id=row.id,
            name=row.name,
            connected=row.is_active and row.status == "connected" and not is_deaf(row),
        )
        for row in rows
    ]
    return pb.CheckInstancesResponse(instances=found)


async def create(db: Database, actor: Actor, request: pb.CreateInstanceRequest) -> pb.InstanceResponse:
    """The instance and its credentials, sealed. Its address is looked up before there is a transaction."""
    if request.provider_type == "cloud" and not request.instance_id_external:
        raise ExternalIdNeeded
    await egress.vet(request.api_url, callable_hosts())
    async with db.begin() as session:
        return await _create(session, request)


async def _create(session: Session, request: pb.CreateInstanceRequest) -> pb.InstanceResponse:
    values = {"sends_per_minute": request.sends_per_minute} if request.HasField("sends_per_minute") else {}
    made = await session.scalar(
        insert(Instance)
        .values(
            name=request.name,
            instance_name=request.instance_name,
            provider_type=request.provider_type or "self_hosted",
            instance_id_external=request.instance_id_external or None,
            **values,
        )
        .on_conflict_do_nothing()
        .returning(Instance.id)
    )
    if made is None:
        raise NameTaken
    await session.run(
        insert(InstanceSecret).values(
            instance_id=made, api_url=base_url(request.api_url), api_key=_seal(made, request.api_key)
        )
    )
    return await _answer(session, made)


async def change(db: Database, actor: Actor, request: pb.UpdateInstanceRequest) -> pb.InstanceResponse:
    if request.HasField("api_url"):
        await egress.vet(request.api_url, callable_hosts())
    async with db.begin() as session:
        return await _change(session, request)


async def _change(session: Session, request: pb.UpdateInstanceRequest) -> pb.InstanceResponse:
    values = {name: getattr(request, name) for name in CHANGEABLE if request.HasField(name)}
    secret: dict[str, Any] = {}
    if request.HasField("api_url"):
        secret["api_url"] = base_url(request.api_url)
    if request.HasField("api_key"):
        secret["api_key"] = _seal(request.id, request.api_key)
    if not values and not secret:
        raise Invalid("No valid fields")
    if "instance_id_external" in values:
        values["instance_id_external"] = values["instance_id_external"] or None
    kept = await session.first(PROVIDER.with_for_update(), id=request.id)
    if kept is None:
        raise InstanceNotFound
    after = kept._asdict() | values
    if after["provider_type"] == "cloud" and not after["instance_id_external"]:
        raise ExternalIdNeeded
    try:
        await session.run(update(Instance).where(Instance.id == request.id).values(**values))
    except psycopg.errors.UniqueViolation as error:
        raise NameTaken from error
    if secret:
        changed = update(InstanceSecret).where(InstanceSecret.instance_id == request.id)
        await session.run(changed.values(**secret))
    return await _answer(session, request.id)


async def remove(session: Session, actor: Actor, request: pb.DeleteInstanceRequest) -> pb.DoneResponse:
    """With everything that belongs to it."""
    held = select(Conversation.id).where(Conversation.instance_id == request.id).limit(1)
    if not request.force and await session.first(held):
        raise InstanceInUse
    if not await session.run(delete(Instance).where(Instance.id == request.id)):
        raise InstanceNotFound
    return pb.DoneResponse(success=True)


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
    key = vault().open(_place(instance), row.api_key)
    return Server(row.api_url, key, external or row.instance_name)


async def reseal(session: Session) -> int:
    """Put every key under the current JWT_SECRET; how many were not."""
    rows = await session.all(select(InstanceSecret.instance_id, InstanceSecret.api_key).with_for_update())
    stale = [row for row in rows if not vault().is_current(row.api_key)]
    for row in stale:
        key = _seal(row.instance_id, vault().open(_place(row.instance_id), row.api_key))
        changed = update(InstanceSecret).where(InstanceSecret.instance_id == row.instance_id)
        await session.run(changed.values(api_key=key))
    return len(stale)


def _seal(instance: str, key: str) -> str:
    return vault().seal(_place(instance), key)


def _place(instance: str) -> str:
    return f"instance_secrets:{instance}:api_key"


def hash_secret(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
