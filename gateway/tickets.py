"""Tickets for the event stream: signed by the gateway, good once and for a minute, on any replica."""

import base64
import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from nats.js.api import KeyValueConfig
from nats.js.errors import KeyWrongLastSequenceError

from gateway.settings import GatewaySettings
from gateway.stream import TROUBLE
from services.kit.bus import Bus
from services.kit.clock import now
from services.kit.errors import Unauthenticated, Unavailable

LIFETIME = timedelta(seconds=60)
BUCKET = "TICKETS"  # the ids of used ones
KIND = "ticket+jwt"
CARRIED = ("sub", "role", "sid", "iat", "exp")


class TicketRefused(Unauthenticated):
    """This ticket has been used or has expired. Ask for a new one."""


class Tickets:
    def __init__(self, bus: Bus, settings: GatewaySettings) -> None:
        self.bus = bus
        self._key = Ed25519PrivateKey.from_private_bytes(
            base64.b64decode(settings.service_key.get_secret_value())
        )

    def issue(self, claims: Mapping[str, Any]) -> str:
        ticket = {
            "jti": secrets.token_hex(16),
            "until": (now() + LIFETIME).timestamp(),
            "claims": {name: claims[name] for name in CARRIED},
        }
        return jwt.encode(ticket, self._key, algorithm="EdDSA", headers={"typ": KIND})

    async def redeem(self, ticket: str) -> dict[str, Any]:
        """The claims of the token that it was issued for. It is used up, whatever comes after."""
        try:
            if jwt.get_unverified_header(ticket).get("typ") != KIND:
                raise TicketRefused
            found = jwt.decode(ticket, self._key.public_key(), ["EdDSA"])
        except jwt.InvalidTokenError as error:
            raise TicketRefused from error
        if now().timestamp() > found["until"]:
            raise TicketRefused
        await self._use(found["jti"])
        claims: dict[str, Any] = found["claims"]
        return claims

    async def _use(self, id: str) -> None:
        config = KeyValueConfig(bucket=BUCKET, ttl=3 * LIFETIME.total_seconds(), replicas=self.bus.replicas)
        try:
            used = await self.bus.stream.create_key_value(config)
            await used.create(id, b"used")
        except KeyWrongLastSequenceError as error:
            raise TicketRefused from error
        except TROUBLE as error:
            raise Unavailable from error
