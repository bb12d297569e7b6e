"""Who is calling: Ed25519 tokens of people (signed by identity) and of services (signed by themselves)."""

import asyncio
import base64
import time
from collections.abc import Awaitable, Callable
from typing import Any

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from services.kit.actor import Actor
from services.kit.clock import now
from services.kit.errors import Unauthenticated
from services.kit.settings import Settings

ISSUER = "convo-insight"
AUDIENCE = "convo-insight-api"
LEEWAY = 30
# The times are checked here, by the clock that rules read; PyJWT knows only the machine's.
CHECKS: Any = {"require": ["exp", "iat", "sub", "sid", "role"], "verify_exp": False, "verify_iat": False}
SERVICE_LIFETIME = 60
REMEMBERED = 20_000
REFETCH_AFTER = 30.0  # an unknown key id may cost one fetch in this many seconds, not one a request

FetchKeys = Callable[[], Awaitable[str]]


class UnknownCaller(Unauthenticated):
    """This call does not come from a service that is known here."""


class Callers:
    """Service identity: tokens of our own for each service we call, and the check of theirs."""

    def __init__(self, name: str, settings: Settings) -> None:
        seed = base64.b64decode(settings.service_key.get_secret_value())
        self.name = name
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self._known = {
            service: Ed25519PublicKey.from_public_bytes(base64.b64decode(key))
            for service, key in settings.service_keys.items()
        }
        self._minted: dict[str, tuple[str, float]] = {}
        self._seen: dict[str, tuple[str, float]] = {}

    def token(self, audience: str) -> str:
        token, expires = self._minted.get(audience, ("", 0.0))
        if expires - time.time() < SERVICE_LIFETIME / 2:
            expires = time.time() + SERVICE_LIFETIME
            claims = {"iss": self.name, "aud": audience, "exp": int(expires)}
            token = jwt.encode(claims, self._key, algorithm="EdDSA", headers={"typ": "service+jwt"})
            self._minted[audience] = token, expires
        return token

    def verify(self, token: str) -> str:
        """The name of the service that calls us."""
        name, expires = self._seen.get(token, ("", 0.0))
        if expires > time.time():
            return name
        try:
            if jwt.get_unverified_header(token).get("typ") != "service+jwt":
                raise UnknownCaller
            issuer = jwt.decode(token, options={"verify_signature": False})["iss"]
            claims = jwt.decode(
                token,
                self._known[issuer],
                ["EdDSA"],
                audience=self.name,
                options={"require": ["exp", "aud", "iss"]},
            )
        except (jwt.InvalidTokenError, KeyError, TypeError) as error:
            raise UnknownCaller from error
        _remember(self._seen, token, (issuer, float(claims["exp"])))
        return str(issuer)


class People:
    """Access tokens of people: checked once, then remembered until they expire."""

    def __init__(self, fetch: FetchKeys) -> None:
        self._fetch = fetch
        self._keys: dict[str, Any] = {}
        self._fetched = float("-inf")
        self._fetching = asyncio.Lock()
        self._seen: dict[str, tuple[dict[str, Any], float]] = {}

    async def verify(self, token: str) -> dict[str, Any]:
        """The claims of a token."""
        at = now().timestamp()
        claims, expires = self._seen.get(token, ({}, 0.0))
        if expires > at:
            return claims
        try:
            header = jwt.get_unverified_header(token)
            if header.get("alg") != "EdDSA" or header.get("typ") != "at+jwt":
                raise Unauthenticated
            key = await self._key(str(header.get("kid")))
            claims = jwt.decode(
                token,
                key,
                ["EdDSA"],
                issuer=ISSUER,
                audience=AUDIENCE,
                options=CHECKS,
            )
            issued, expires = float(claims["iat"]), float(claims["exp"]) + LEEWAY
        except (jwt.InvalidTokenError, ValueError, TypeError) as error:
            raise Unauthenticated from error
        if not issued - LEEWAY <= at < expires:
            raise Unauthenticated
        _remember(self._seen, token, (claims, expires))
        return claims

    async def _key(self, key_id: str) -> Any:
        if key_id not in self._keys:
            async with self._fetching:
                await self._refresh(key_id)
        if key_id not in self._keys:
            raise Unauthenticated
        return self._keys[key_id]

    async def _refresh(self, key_id: str) -> None:
        if key_id in self._keys or time.monotonic() - self._fetched < REFETCH_AFTER:
            return
        keys = orjson.loads(await self._fetch())["keys"]
        self._keys = {key["kid"]: jwt.PyJWK(key) for key in keys}
        self._fetched = time.monotonic()


def actor(claims: dict[str, Any], service: str) -> Actor:
    return Actor(
        id=claims["sub"],
        role=claims["role"],
        service=service,
        email=claims.get("email", ""),
        session=claims["sid"],
    )


def _remember(seen: dict[str, Any], token: str, value: Any) -> None:
    if len(seen) >= REMEMBERED:
        seen.clear()
    seen[token] = value
