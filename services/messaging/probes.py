"""Asking Evolution how instances are, and connecting them to a phone."""

import asyncio
import time

import orjson
from sqlalchemy import bindparam, select

from protos import messaging_pb2 as pb
from services.kit.actor import Actor, service
from services.kit.crypto import Unreadable
from services.kit.db import Database, Row
from services.kit.errors import NotFound, Upstream
from services.kit.log import log
from services.messaging import endpoints, instances, links
from services.messaging.evolution import connections
from services.messaging.evolution.calls import CallFailed, Rejected, Server
from services.messaging.inbound import ConnectionUpdate, QrCode
from services.messaging.models import Instance

AT_ONCE = 5
KEPT = 15.0
OURSELVES = service("messaging")
ACTIVE = select(Instance.id, Instance.instance_name, Instance.status).where(Instance.is_active)
PLACE = select(Instance.provider_type, Instance.webhook_url).where(Instance.id == bindparam("id"))
NOT_THERE = 404

_asking = asyncio.Lock()
_answered: tuple[float, pb.CheckStatusResponse] | None = None


class CheckFailed(Upstream):
    """Failed to check connection"""


class NotConnecting(Upstream):
    """Evolution cannot connect this instance now."""


async def test(db: Database, actor: Actor, request: pb.TestInstanceRequest) -> pb.TestInstanceResponse:
    try:
        change, name = await _ask(db, request.id)
    except CallFailed as error:
        details = {"success": False, "details": error.message, "upstreamStatus": error.upstream_status}
        raise CheckFailed(details=details) from error
    told = {"instance": {"instanceName": name, "state": change.state}}
    return pb.TestInstanceResponse(
        success=True, connection_state=orjson.dumps(told).decode(), status=change.status, state=change.state
    )


async def check_status(db: Database, actor: Actor, request: pb.CheckStatusRequest) -> pb.CheckStatusResponse:
    """Of all active instances, and never failing as a whole; asked again after a quarter of a minute."""
    global _answered
    async with _asking:
        if _answered and time.monotonic() - _answered[0] < KEPT:
            return _answered[1]
        async with db.read() as session:
            rows = await session.all(ACTIVE)
        few = asyncio.Semaphore(AT_ONCE)
        found = await asyncio.gather(*(_check(db, row, few) for row in rows))
        reply = pb.CheckStatusResponse(
            status_checks=[one for one, _ in found],
            updated=sum(is_news for _, is_news in found),
            errors=sum(not one.success for one, _ in found),
        )
        _answered = time.monotonic(), reply
    return reply


async def keep_checking(db: Database) -> None:
    """By the clock: what a webhook should have told, and may not have."""
    await check_status(db, OURSELVES, pb.CheckStatusRequest())


async def _check(db: Database, row: Row, few: asyncio.Semaphore) -> tuple[pb.StatusCheck, bool]:
    answer = pb.StatusCheck(instance_id=row.id, instance_name=row.instance_name)
    try:
        async with few:
            change, _ = await _ask(db, row.id)
    except (CallFailed, NotFound, Unreadable) as error:
        answer.error = str(error) or "The credentials of this instance cannot be read."
        return answer, row.status != "disconnected"
    answer.success, answer.status, answer.state = True, change.status, change.state
    return answer, row.status != change.status


async def _ask(db: Database, id: str) -> tuple[ConnectionUpdate, str]:
    """The connection and Evolution's name for it; what is learned is written down, silence too."""
    async with db.read() as session:
        target = await instances.server(session, id)
    try:
        change = await connections.connection_state(target)
    except CallFailed:
        async with db.begin() as session:
            await links.set_status(session, id, "disconnected", "no_answer")
        raise
    async with db.begin() as session:
        await links.changed(session, id, change, None)
    return change, target.identifier


async def connect(
    db: Database, actor: Actor, request: pb.ConnectInstanceRequest
) -> pb.ConnectInstanceResponse:
    """A picture to scan. One without content is still being made: its webhook brings it, or the next call."""
    async with db.read() as session:
        target = await instances.server(session, request.id)
        place = await session.first(PLACE, id=request.id)
    try:
        found = await _connected(db, request, target, place)
    except CallFailed as error:
        raise NotConnecting(error.message, details={"success": False}) from error
    async with db.begin() as session:
        if isinstance(found, ConnectionUpdate):
            await links.changed(session, request.id, found, None)
            return pb.ConnectInstanceResponse(success=True, status=found.status)
        if found.base64 or found.code:
            await links.show_code(session, request.id, found, None)
        else:
            await links.set_status(session, request.id, "connecting", "connect")
    return pb.ConnectInstanceResponse(
        success=True,
        status="connecting",
        qr_code=found.base64,
        code=found.code,
        pairing_code=found.pairing_code,
    )


async def _connected(
    db: Database, request: pb.ConnectInstanceRequest, target: Server, place: Row
) -> QrCode | ConnectionUpdate:
    """Made over there first, where Evolution has none of that name; the vendor's cloud makes its own."""
    number = request.number or None
    try:
        return await connections.connect(target, number=number)
    except Rejected as error:
        if error.upstream_status != NOT_THERE or place.provider_type == "cloud":
            raise
    found = await connections.create(target, number=number)
    log.info("instance_created_upstream", instance_id=request.id)
    try:
        await endpoints.post_to(db, request.id, target, place.webhook_url or endpoints.our_url())
    except endpoints.WebhookNotSet as error:
        log.warning("webhook_not_set", instance_id=request.id, error=error.name)
    return found
