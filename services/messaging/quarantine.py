"""Webhooks that cannot be handled yet: kept with the reason, without the key that they carry."""

from datetime import timedelta

import orjson
from sqlalchemy import insert

from services.kit.clock import now
from services.kit.db import Database
from services.kit.log import log
from services.messaging.message_models import Quarantined

NO_INSTANCE = "Instance not found"
MOST_OF_STRANGERS = 20_000  # anybody may post for an instance that does not exist
LARGEST_OF_STRANGERS = 1024 * 1024
PAUSE = timedelta(minutes=10)

PUT = insert(Quarantined)
STRANGERS = "select count(*) from (select 1 from quarantine where reason = %(reason)s limit %(most)s) as q"


async def put(db: Database, instance: str, reason: str, body: bytes, secret_hash: str | None) -> None:
    async with db.begin() as session:
        if reason == NO_INSTANCE:
            many = await session.scalar(STRANGERS, reason=reason, most=MOST_OF_STRANGERS)
            if many >= MOST_OF_STRANGERS or len(body) > LARGEST_OF_STRANGERS:
                log.warning("webhook_of_a_stranger_dropped", bytes=len(body))
                return
        await session.run(
            PUT.values(
                instance_name=instance,
                reason=reason,
                body=without_key(body),
                secret_hash=secret_hash,
                due_at=None if reason == NO_INSTANCE else now() + PAUSE,
            )
        )
    log.warning("webhook_quarantined", reason=reason)


def without_key(body: bytes) -> bytes:
    """Evolution puts the instance's key into every body; it is not ours to keep."""
    try:
        envelope = orjson.loads(body)
    except orjson.JSONDecodeError:
        return b"{}"
    if isinstance(envelope, dict):
        envelope.pop("apikey", None)
        envelope.pop("api_key", None)
    return orjson.dumps(envelope)
