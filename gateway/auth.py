"""Who is at the door: the token's claims, unless its session has been revoked meanwhile."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from protos import identity_pb2 as identity
from protos.identity_pb2_grpc import IdentityStub
from services.kit.errors import Forbidden, Refusal, Unauthenticated, Unavailable
from services.kit.log import log
from services.kit.peers import Peer, connect
from services.kit.tokens import People

REMEMBERED = 100_000


class NoToken(Unauthenticated):
    """No token provided"""

    code = "no_token"


class Revocations:
    """What identity has revoked, learned over one stream and kept while tokens of that age may live."""

    def __init__(self, peer: Peer) -> None:
        self._stub = connect(IdentityStub, peer)
        self._sessions: OrderedDict[str, None] = OrderedDict()
        self._people: OrderedDict[str, float] = OrderedDict()
        self.caught_up = asyncio.Event()
        self.told: list[Callable[[], None]] = []  # called when something was revoked

    async def follow(self) -> None:
        """Never returns; a broken stream is opened again and starts over, which is harmless."""
        while True:
            try:
                async for revocation in self._stub.WatchRevocations(identity.WatchRevocationsRequest()):
                    self._take(revocation)
            except Refusal as refusal:
                log.warning("revocations_unavailable", code=refusal.name)
            await asyncio.sleep(0.2)

    def _take(self, revocation: identity.Revocation) -> None:
        if revocation.caught_up:
            self.caught_up.set()
        if revocation.HasField("session_id"):
            self._sessions[revocation.session_id] = None
        if revocation.HasField("user_id"):
            before = max(revocation.issued_before, self._people.get(revocation.user_id, 0.0))
            self._people[revocation.user_id] = before
        for kept in (self._sessions, self._people):
            while len(kept) > REMEMBERED:
                kept.popitem(last=False)
        for tell in self.told:
            tell()

    def revoked(self, claims: Mapping[str, Any]) -> bool:
        """Before all that matters has been heard nobody can tell. Envoy asks the only replica also then."""
        if not self.caught_up.is_set():
            raise Unavailable
        return claims["sid"] in self._sessions or claims["iat"] <= self._people.get(claims["sub"], -1.0)


async def admit(
    header: str | None, roles: frozenset[str], people: People, revocations: Revocations
) -> dict[str, Any]:
    """The claims of a caller that may use a route for these roles."""
    if not header:
        raise NoToken
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated
    claims = await people.verify(token)
    if revocations.revoked(claims):
        raise Unauthenticated
    if claims["role"] not in roles:
        raise Forbidden
    return claims
