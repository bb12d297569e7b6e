"""Renewals: a refresh token for a fresh access token, and the chain of tokens that shows a theft."""

import base64
import hmac
from datetime import datetime, timedelta

from protos import identity_pb2 as pb
from services.identity import revocations, sessions, throttle
from services.identity.sessions import AccountDeactivated, PendingApproval, Tokens
from services.identity.settings import settings
from services.kit.actor import Actor
from services.kit.clock import now, parse
from services.kit.db import Database, Row, Session
from services.kit.errors import Refusal, Unauthenticated
from services.kit.log import log
from services.kit.outbox import emit
from services.kit.pb import fill


class NoRefreshToken(Unauthenticated):
    """No refresh token provided"""


class InvalidRefreshToken(Unauthenticated):
    """Invalid refresh token"""


GRACE = timedelta(seconds=10)  # for parallel requests, and for a client that never got the answer
LONGEST = timedelta(days=30)

HOLDER = """
    select p.id, p.email, p.role, p.is_active, p.is_approved, p.tokens_valid_after,
        t.session_id, t.generation
    from refresh_tokens t
    join auth_sessions s on s.id = t.session_id
    join profiles p on p.id = s.user_id
    where t.hash = %(hash)s for share of p
"""
FAMILY = """
    select id, generation, rotated_at, created_at, expires_at, revoked_at
    from auth_sessions where id = %(id)s for no key update
"""
USED = "update auth_sessions set last_used_at = %(at)s where id = %(id)s"
ROTATED = """
    with session as (
        update auth_sessions
        set generation = generation + 1, rotated_at = %(at)s, last_used_at = %(at)s, expires_at = %(until)s
        where id = %(id)s returning generation
    )
    insert into refresh_tokens (hash, session_id, generation) select %(hash)s, %(id)s, generation from session
"""


async def refresh(db: Database, actor: Actor, request: pb.RefreshRequest) -> pb.RefreshResponse:
    if not request.refresh_token:
        raise NoRefreshToken
    async with db.begin() as session:
        outcome = await _renew(session, request)
    if isinstance(outcome, InvalidRefreshToken):
        await throttle.spend(db, throttle.limits("refresh", request.client_address))
    if isinstance(outcome, Refusal):
        raise outcome
    return fill(pb.RefreshResponse, outcome)


async def _renew(session: Session, request: pb.RefreshRequest) -> Tokens | Refusal:
    """Fresh tokens, or why not: returned and not raised, since a theft that shows must be written down.

    The profile is locked before the session, as everywhere, so that nobody waits in a circle.
    """
    presented = request.refresh_token
    holder = await session.first(HOLDER, hash=sessions.hashed(presented))
    if holder is None:
        return InvalidRefreshToken()
    if not holder.is_active:
        return AccountDeactivated()
    if not holder.is_approved:
        return PendingApproval()
    family = await session.first(FAMILY, id=holder.session_id)
    if family is None or family.revoked_at or parse(family.expires_at) <= now():
        return InvalidRefreshToken()
    behind = family.generation - holder.generation
    if is_stolen(behind, family.rotated_at and parse(family.rotated_at)):
        await _end_family(session, holder)
        return InvalidRefreshToken()
    token = _successor(presented) if behind or _rotates(request) else presented
    if behind or token == presented:
        await session.run(USED, id=family.id, at=now())
    else:
        until = min(now() + settings().jwt_refresh_expires_in, parse(family.created_at) + _longest())
        await session.run(ROTATED, id=family.id, hash=sessions.hashed(token), at=now(), until=until)
    return await sessions.tokens(session, holder, family.id, token)


def is_stolen(behind: int, rotated_at: datetime | None) -> bool:
    """The immediate predecessor may come again for a moment, anything older never."""
    return behind > 1 or (behind == 1 and rotated_at is not None and now() - rotated_at > GRACE)


async def _end_family(session: Session, holder: Row) -> None:
    await revocations.end_session(session, holder.id, holder.session_id)
    await emit(session, pb.SessionRevoked(user_id=holder.id, session_id=holder.session_id, reason="reuse"))
    log.warning("refresh_token_reused", user_id=holder.id, session_id=holder.session_id)


def _rotates(request: pb.RefreshRequest) -> bool:
    mode = settings().auth_rotate_refresh
    return mode == "always" or (mode == "client" and request.rotate)


def _longest() -> timedelta:
    return max(LONGEST, settings().jwt_refresh_expires_in)


def _successor(token: str) -> str:
    """The next token of the chain; derived, so that parallel requests with one token get the same."""
    secret = settings().jwt_secret.get_secret_value().encode()
    octets = hmac.digest(secret, f"refresh:{token}".encode(), "sha256")
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")
