"""Logins: e-mail and password for tokens."""

from protos import identity_pb2 as pb
from services.identity import hashing, sessions, throttle
from services.kit.actor import Actor
from services.kit.clock import now
from services.kit.db import Database
from services.kit.errors import Unauthenticated
from services.kit.log import log
from services.kit.outbox import emit
from services.kit.pb import fill


class InvalidCredentials(Unauthenticated):
    """Invalid credentials"""


FOUND = """
    select p.id, w.password_hash,
        exists(select from auth_sessions s where s.user_id = p.id and s.address = %(address)s) as known
    from profiles p join user_passwords w on w.user_id = p.id where p.email = %(email)s
"""
# Both rows are locked: a password that is changed meanwhile would be read as it was.
PERSON = """
    select p.id, p.email, p.full_name, p.avatar_url, p.role, p.is_active, p.is_approved,
        p.tokens_valid_after, w.password_hash
    from profiles p join user_passwords w on w.user_id = p.id
    where p.id = %(id)s for no key update of p, w
"""
ARRIVE = "update profiles set status = 'online', updated_at = %(at)s where id = %(id)s"


async def login(db: Database, actor: Actor, request: pb.LoginRequest) -> pb.LoginResponse:
    """The same work, and the same answer, for a wrong password and for an account that does not exist."""
    hashing.check_length(request.password)
    email, address = request.email.strip().lower(), request.client_address
    async with db.read() as session:
        found = await session.first(FOUND, email=email, address=address)
        limits = throttle.limits("login", address, email, known=found is not None and found.known)
        await throttle.check(session, limits)
    hash = found.password_hash if found else None
    async with hashing.turn():
        attempt = await throttle.spend(db, limits)
        matches = await hashing.matches(request.password, hash)
    if not matches or found is None:
        log.info("login_refused", user_id=found and found.id)
        raise InvalidCredentials
    async with db.begin() as session:
        person = await session.first(PERSON, id=found.id)
        if person is None or person.password_hash != hash:
            raise InvalidCredentials
        sessions.admit(person)
        await throttle.refund(session, attempt)
        await session.run(ARRIVE, id=person.id, at=now())
        tokens = await sessions.start(session, person, address, request.user_agent)
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
