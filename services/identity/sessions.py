"""Sessions: a sign-in on one device, and the access tokens that it gets."""

import hashlib
import secrets
from datetime import timedelta
from typing import NamedTuple

from protos import identity_pb2 as pb
from services.identity import keys, revocations, users
from services.identity.settings import settings
from services.kit.actor import Actor
from services.kit.clock import now, parse
from services.kit.db import Database, Row, Session
from services.kit.errors import Forbidden, NotFound
from services.kit.outbox import emit
from services.kit.pb import fill
from services.kit.tables import new_id
from services.kit.tokens import AUDIENCE, ISSUER


class AccountDeactivated(Forbidden):
    """Account deactivated"""

    code = "ACCOUNT_DEACTIVATED"


class PendingApproval(Forbidden):
    """Account pending approval"""

    code = "PENDING_APPROVAL"


class SessionNotFound(NotFound):
    """Session not found"""


REMEMBERED = timedelta(days=90)  # after its end, a session still tells which devices a person signs in from

START = """
    with session as (
        insert into auth_sessions
            (id, user_id, generation, user_agent, address, created_at, last_used_at, expires_at)
        values (%(id)s, %(user)s, 1, %(agent)s, %(address)s, %(at)s, %(at)s, %(until)s)
    )
    insert into refresh_tokens (hash, session_id, generation) values (%(hash)s, %(id)s, 1)
"""
LEAVE = "update profiles set status = 'offline', updated_at = %(at)s where id = %(id)s"
LIVE = """
    select id, user_agent, address, id::text = %(current)s as is_current, created_at, last_used_at, expires_at
    from auth_sessions
    where user_id = %(user)s and revoked_at is null and expires_at > %(at)s order by last_used_at desc, id
"""
OWNER = """
    select user_id from auth_sessions
    where id = %(id)s and (user_id::text = %(user)s or %(anybodys)s) and revoked_at is null
"""
FORGET = "delete from auth_sessions where expires_at < %(before)s"


class Tokens(NamedTuple):
    access_token: str
    refresh_token: str
    expires_in: int


async def logout(session: Session, actor: Actor, request: pb.LogoutRequest) -> pb.SuccessResponse:
    await session.run(LEAVE, id=actor.id, at=now())
    if await revocations.end_session(session, actor.id, actor.session):
        await emit(session, pb.UserLoggedOut(user_id=actor.id))
    return pb.SuccessResponse(success=True)


async def list_sessions(
    session: Session, actor: Actor, request: pb.ListSessionsRequest
) -> pb.ListSessionsResponse:
    return await _live(session, actor, actor.id)


async def list_user_sessions(
    session: Session, actor: Actor, request: pb.ListUserSessionsRequest
) -> pb.ListSessionsResponse:
    await users.found(session, request.user_id)
    return await _live(session, actor, request.user_id)


async def revoke(session: Session, actor: Actor, request: pb.RevokeSessionRequest) -> pb.SuccessResponse:
    """One's own; an administrator anybody's."""
    user = await session.scalar(OWNER, id=request.id, user=actor.id, anybodys=actor.role == "admin")
    if user is None or not await revocations.end_session(session, user, request.id):
        raise SessionNotFound
    await emit(session, pb.SessionRevoked(user_id=user, session_id=request.id, reason="revoked", by=actor.id))
    return pb.SuccessResponse(success=True)


async def forget(db: Database) -> None:
    """Drop sessions that ended long ago, with their refresh tokens."""
    async with db.begin() as session:
        await session.run(FORGET, before=now() - REMEMBERED)


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
        hash=hashed(token),
    )
    return await tokens(session, person, id, token)


async def tokens(session: Session, person: Row, id: str, refresh_token: str) -> Tokens:
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


def hashed(token: str) -> str:
    """What is stored of a token: it holds 256 random bits, so that one round is enough."""
    return hashlib.sha256(token.encode()).hexdigest()


async def _live(session: Session, actor: Actor, user: str) -> pb.ListSessionsResponse:
    rows = await session.all(LIVE, user=user, current=actor.session, at=now())
    return pb.ListSessionsResponse(sessions=[fill(pb.Session, row) for row in rows])
