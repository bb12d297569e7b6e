"""Sessions: a sign-in on one device, its access tokens, and the chain of its refresh tokens."""

import base64
import hashlib
import hmac
import secrets
from datetime import datetime, timedelta
from typing import NamedTuple

from protos import identity_pb2 as pb
from services.identity import keys, passwords, revocations, throttle
from services.identity.settings import settings
from services.kit.actor import Actor
from services.kit.clock import now, parse
from services.kit.db import Database, Row, Session
from services.kit.errors import Forbidden, Refusal, Unauthenticated
from services.kit.log import log
from services.kit.outbox import emit
from services.kit.pb import fill
from services.kit.tables import new_id
from services.kit.tokens import AUDIENCE, ISSUER


class InvalidCredentials(Unauthenticated):
    """Invalid credentials"""


class InvalidRefreshToken(Unauthenticated):
    """Invalid refresh token"""


class NoRefreshToken(Unauthenticated):
    """No refresh token provided"""


class AccountDeactivated(Forbidden):
    """Account deactivated"""

    code = "ACCOUNT_DEACTIVATED"


class PendingApproval(Forbidden):
    """Account pending approval"""

    code = "PENDING_APPROVAL"


GRACE = timedelta(seconds=10)  # parallel requests, and a client that never got the answer
LONGEST = timedelta(days=30)

CREDENTIALS = """
    select p.id, w.password_hash,
        exists(select from auth_sessions s where s.user_id = p.id and s.address = %(address)s) as known
    from profiles p join user_passwords w on w.user_id = p.id where p.email = %(email)s
"""
PERSON = """
    select p.id, p.email, p.full_name, p.avatar_url, p.role, p.is_active, p.is_approved,
        p.tokens_valid_after, w.password_hash
    from profiles p join user_passwords w on w.user_id = p.id
    where p.id = %(id)s for no key update of p, w
"""
BE = "update profiles set status = %(status)s, updated_at = %(at)s where id = %(id)s"
START = """
    with session as (
        insert into auth_sessions
            (id, user_id, generation, user_agent, address, created_at, last_used_at, expires_at)
        values (%(id)s, %(user)s, 1, %(agent)s, %(address)s, %(at)s, %(at)s, %(until)s)
    )
    insert into refresh_tokens (hash, session_id, generation) values (%(hash)s, %(id)s, 1)
"""
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


class Tokens(NamedTuple):
    access_token: str
    refresh_token: str
    expires_in: int


async def login(db: Database, actor: Actor, request: pb.LoginRequest) -> pb.LoginResponse:
    passwords.check_length(request.password)
    email = request.email.strip().lower()
    async with db.read() as session:
        found = await session.first(CREDENTIALS, email=email, address=request.client_address)
    attempt = await throttle.spend(
        db, "login", request.client_address, email, known=found is not None and found.known
    )
    if not await passwords.matches(request.password, found and found.password_hash) or found is None:
        log.info("login_refused")
        raise InvalidCredentials
    async with db.begin() as session:
        person = await session.first(PERSON, id=found.id)
        if person is None or person.password_hash != found.password_hash:
            raise InvalidCredentials
        admit(person)
        await throttle.refund(session, attempt)
        await session.run(BE, id=person.id, status="online", at=now())
        tokens = await start(session, person, request.client_address, request.user_agent)
        await emit(session, pb.UserLoggedIn(user_id=person.id))
    user = pb.LoggedInUser(
        id=person.id,
        email=person.email,
        full_name=person.full_name,
        role=person.role,
        is_approved=person.is_approved,
        avatar_url=person.avatar_url,
        status="online",
    )
    return fill(pb.LoginResponse, tokens, user=user)


async def refresh(db: Database, actor: Actor, request: pb.RefreshRequest) -> pb.RefreshResponse:
    if not request.refresh_token:
        raise NoRefreshToken
    async with db.begin() as session:
        outcome = await _renew(session, request)
    if isinstance(outcome, InvalidRefreshToken):
        await throttle.spend(db, "refresh", request.client_address)
    if isinstance(outcome, Refusal):
        raise outcome
    return fill(pb.RefreshResponse, outcome)


async def logout(session: Session, actor: Actor, request: pb.LogoutRequest) -> pb.SuccessResponse:
    await session.run(BE, id=actor.id, status="offline", at=now())
    if await revocations.end_session(session, actor.id, actor.session):
        await emit(session, pb.UserLoggedOut(user_id=actor.id))
    return pb.SuccessResponse(success=True)


def admit(person: Row) -> None:
    """Refuse whoever gets no tokens at all."""
    if not person.is_active:
        raise AccountDeactivated
    if not person.is_approved:
        raise PendingApproval


async def start(session: Session, person: Row, address: str, user_agent: str) -> Tokens:
    """Sign a person in, whose profile this transaction has locked or made."""
    id, token = new_id(), secrets.token_urlsafe(32)
    await session.run(
        START,
        id=id,
        user=person.id,
        agent=user_agent,
        address=address,
        at=now(),
        until=now() + settings().jwt_refresh_expires_in,
        hash=_hash(token),
    )
    return await _tokens(session, person, id, token)


async def _renew(session: Session, request: pb.RefreshRequest) -> Tokens | Refusal:
    """Fresh tokens, or why not: returned and not raised, since a theft that shows must be written down.

    Profile before session, as everywhere, so that nobody waits in a circle.
    """
    presented = request.refresh_token
    holder = await session.first(HOLDER, hash=_hash(presented))
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
        await session.run(ROTATED, id=family.id, hash=_hash(token), at=now(), until=until)
    return await _tokens(session, holder, family.id, token)


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


async def _tokens(session: Session, person: Row, id: str, refresh_token: str) -> Tokens:
    lifetime = int(settings().jwt_expires_in.total_seconds())
    after = person.tokens_valid_after
    issued = revocations.issued_at(after and parse(after)).timestamp()
    claims = {
        "sub": person.id,
        "userId": person.id,
        "email": person.email,
        "role": person.role,
        "sid": id,
        "iat": round(issued, 3),
        "exp": int(issued) + lifetime,
        "iss": ISSUER,
        "aud": AUDIENCE,
        "jti": new_id(),
    }
    return Tokens(await keys.sign(session, claims), refresh_token, lifetime)


def _successor(token: str) -> str:
    """The next token of the chain; derived, so that parallel requests with one token get the same."""
    secret = settings().jwt_secret.get_secret_value().encode()
    octets = hmac.digest(secret, f"refresh:{token}".encode(), "sha256")
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
