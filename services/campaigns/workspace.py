"""What the workspace has configured: identity keeps it, and its last word counts while identity is away."""

import asyncio
import time
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import orjson

from protos import identity_pb2
from services.campaigns import peers
from services.kit.errors import Refusal
from services.kit.log import log

KEYS = ("default_timezone", "campaigns.quiet_hours", "escalations.auto_distribute")
FRESH = 15.0
PATIENCE = 3.0
DEFAULT_ZONE = ZoneInfo("America/Sao_Paulo")

_known: dict[str, Any] = {}
_asked = float("-inf")
_asking = asyncio.Lock()


async def setting(key: str) -> Any:
    """The value of a configuration key; None where nothing is configured."""
    global _known, _asked
    async with _asking:
        if time.monotonic() - _asked > FRESH:
            try:
                _known = await _read()
            except Refusal as refusal:
                log.warning("configuration_not_read", error=type(refusal).__name__)
            _asked = time.monotonic()
    return _known.get(key)


async def _read() -> dict[str, Any]:
    with peers.in_our_own_name():
        reply = await peers.identity.ReadConfig(identity_pb2.ReadConfigRequest(keys=KEYS), timeout=PATIENCE)
    return {key: orjson.loads(value) for key, value in reply.values.items()}


async def zone() -> ZoneInfo:
    return named(await setting("default_timezone"))


def named(zone: str | None) -> ZoneInfo:
    """A time zone by its name; the default where that is not one."""
    try:
        return ZoneInfo(zone) if zone else DEFAULT_ZONE
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return DEFAULT_ZONE


def today(moment: datetime, place: ZoneInfo) -> date:
    return moment.astimezone(place).date()
