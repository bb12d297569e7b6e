"""Registration: who may come in, and the first one, who owns the house."""

from protos import identity_pb2 as pb
from services.identity import config, hashing, passwords, sessions, throttle
from services.kit.actor import Actor
from services.kit.clock import now
from services.kit.db import Database, Row, Session
from services.kit.errors import Forbidden, Invalid
from services.kit.outbox import emit
from services.kit.pb import fill
from services.kit.tables import new_id


class UserExists(Invalid):
    """User already exists"""

    code = "USER_EXISTS"


class EmailDomainNotAllowed(Forbidden):
    """Email domain not allowed"""


HAS_FOUNDER = "select 1 from profiles where is_founder"
# Waits for a first registration that is under way; null if that one commits, or if the e-mail is taken.
ADD = """
    insert into profiles
        (id, email, full_name, status, role, is_approved, is_founder, created_at, updated_at)
    values (
        %(id)s, %(email)s, %(full_name)s, %(status)s, %(role)s, %(is_approved)s, %(is_founder)s,
        %(at)s, %(at)s
    )
    on conflict do nothing
    returning id, email, full_name, is_approved, role, tokens_valid_after
"""


async def register(db: Database, actor: Actor, request: pb.RegisterRequest) -> pb.RegisterResponse:
    hashing.check(request.password)
    email = request.email.strip().lower()
    hash = await hashing.hashed(request.password)
    try:
        async with db.begin() as session:
            return await _register(session, request, email, hash)
    except (UserExists, EmailDomainNotAllowed):
        await throttle.spend(db, throttle.limits("register", request.client_address, email))
        raise


async def _register(
    session: Session, request: pb.RegisterRequest, email: str, hash: str
) -> pb.RegisterResponse:
    full_name = request.full_name.strip() or email.partition("@")[0]
    person = None
    if not await session.first(HAS_FOUNDER):
        person = await add(session, email, full_name, hash, role="admin", is_founder=True)
    if person is None:
        await check_domain(session, email)
        approved = not await config.flag(session, "require_account_approval")
        person = await add(session, email, full_name, hash, role="agent", is_approved=approved)
    if person is None:
        raise UserExists
    await announce(session, person, is_first_user=person.role == "admin", via="register")
    user = pb.RegisteredUser(
        id=person.id,
        email=person.email,
        full_name=person.full_name,
        is_approved=person.is_approved,
        role=person.role,
    )
    if not person.is_approved:
        return pb.RegisterResponse(user=user)
    tokens = await sessions.start(session, person, request.client_address, request.user_agent)
    return fill(pb.RegisterResponse, tokens, user=user)


async def add(
    session: Session,
    email: str,
    full_name: str,
    hash: str,
    *,
    role: str,
    is_approved: bool = True,
    is_founder: bool = False,
) -> Row | None:
    """A new person with a password; None when the e-mail, or the founder's place, is taken."""
    person = await session.first(
        ADD,
        id=new_id(),
        email=email,
        full_name=full_name,
        status="online" if is_approved else "offline",
        role=role,
        is_approved=is_approved,
        is_founder=is_founder,
        at=now(),
    )
    if person:
        await passwords.save(session, person.id, hash)
    return person


async def check_domain(session: Session, email: str) -> None:
    """Refuse an e-mail from outside the allowed domains, where the workspace restricts them."""
    if not await config.flag(session, "restrict_signup_by_domain"):
        return
    allowed = await config.words(session, "allowed_email_domains")
    domain = email.rpartition("@")[2]
    if allowed and not any(domain == one or domain.endswith(f".{one}") for one in allowed):
        raise EmailDomainNotAllowed


async def announce(session: Session, person: Row, *, is_first_user: bool, via: str) -> None:
    await emit(
        session,
        pb.UserRegistered(
            user_id=person.id,
            email=person.email,
            full_name=person.full_name,
            role=person.role,
            is_approved=person.is_approved,
            is_first_user=is_first_user,
            via=via,
        ),
    )
