"""People: who they are, as they and their colleagues see them."""

from typing import Any

from sqlalchemy import ColumnElement, Select, func, or_, select, tuple_, update

from protos import identity_pb2 as pb
from services.identity import peers
from services.identity.models import Profile
from services.kit import pages
from services.kit.actor import Actor
from services.kit.db import Database, Row, Session
from services.kit.errors import NotFound
from services.kit.outbox import emit
from services.kit.pb import fill


class UserNotFound(NotFound):
    """User not found"""


class ProfileNotFound(NotFound):
    """Profile not found"""


ME = """
    select id, email, full_name, avatar_url, status, is_active, is_approved, role
    from profiles where id = %(id)s
"""
PROFILE = """
    select id, full_name, email, avatar_url, status, is_active, is_approved, created_at, role
    from profiles where id = %(id)s
"""
PERSON = """
    select id, full_name, email, avatar_url, status, is_active, is_approved, created_at, updated_at, role
    from profiles where id = %(id)s
"""


def _looked_up(name: Any) -> ColumnElement[str]:
    """As people look names up: Álvaro beside Alice, and who writes in small letters among the others."""
    return func.translate(func.lower(name), "áàâãäéèêëíìîïóòôõöúùûüçñ", "aaaaaeeeeiiiiooooouuuucn")


COLLEAGUES = (
    select(
        Profile.id,
        Profile.full_name,
        Profile.email,
        Profile.avatar_url,
        Profile.status,
        Profile.is_active,
        Profile.role,
    )
    .where(Profile.is_active, Profile.is_approved)
    .order_by(_looked_up(Profile.full_name), Profile.id)
)
PEOPLE = """
    select id, full_name, email, avatar_url, status, is_active, is_approved, created_at, updated_at, role
    from profiles
    where (%(ids)s::uuid[] = '{}' or id = any(%(ids)s))
        and (%(roles)s::text[] = '{}' or role = any(%(roles)s))
        and (not %(eligible)s or (is_active and is_approved))
    order by full_name, id
"""


async def get_me(session: Session, actor: Actor, request: pb.GetMeRequest) -> pb.Me:
    row = await session.first(ME, id=actor.id)
    if row is None:
        raise UserNotFound
    return fill(pb.Me, row)


async def get_my_profile(
    session: Session, actor: Actor, request: pb.GetMyProfileRequest
) -> pb.GetMyProfileResponse:
    row = await session.first(PROFILE, id=actor.id)
    if row is None:
        raise ProfileNotFound
    return pb.GetMyProfileResponse(profile=fill(pb.Profile, row))


async def update_my_profile(
    session: Session, actor: Actor, request: pb.UpdateMyProfileRequest
) -> pb.UpdateMyProfileResponse:
    """Change what the body names; null clears the picture and nothing else."""
    person = await locked(session, actor.id)
    wanted = {
        name: getattr(request, name) or None
        for name in request.update_mask.paths
        if name == "avatar_url" or request.HasField(name)
    }
    changed = {name: value for name, value in wanted.items() if getattr(person, name) != value}
    if changed:
        await session.run(update(Profile).where(Profile.id == actor.id).values(**changed))
        person = await found(session, actor.id)
        user = fill(pb.User, person)
        await emit(session, pb.UserUpdated(user_id=actor.id, changed=sorted(changed), user=user))
    return pb.UpdateMyProfileResponse(success=True, profile=fill(pb.User, person))


async def get_user(session: Session, actor: Actor, request: pb.GetUserRequest) -> pb.GetUserResponse:
    row = await session.first(PROFILE, id=request.id)
    if row is None:
        raise UserNotFound
    return pb.GetUserResponse(user=fill(pb.Profile, row))


async def list_users(db: Database, actor: Actor, request: pb.ListUsersRequest) -> pb.ListUsersResponse:
    """Colleagues who are active and approved, by name, and how much each of them has to do."""
    page = pages.read(request)
    colleagues = COLLEAGUES
    if request.role:
        colleagues = colleagues.where(Profile.role == request.role)
    if request.status:
        colleagues = colleagues.where(Profile.status == request.status)
    if request.search:
        colleagues = colleagues.where(matches(request.search))
    after = [_after(page)] if page.after else []
    async with db.read() as session:
        total = await session.scalar(counted(colleagues)) if page.wants_total else None
        rows = await session.all(colleagues.where(*after).limit(page.fetch).offset(page.offset))
    shown, pagination = pages.cut(page, rows, lambda row: (row.full_name, row.id), total)
    counts = await peers.active_conversations([row.id for row in shown])
    users = [fill(pb.Colleague, row, active_conversations=counts.get(row.id)) for row in shown]
    return pb.ListUsersResponse(users=users, pagination=pagination)


def _after(page: pages.Page) -> ColumnElement[bool]:
    name, id = pages.place(page, Profile.full_name, Profile.id).clauses
    return tuple_(_looked_up(Profile.full_name), Profile.id) > tuple_(_looked_up(name), id)


async def get_people(session: Session, actor: Actor, request: pb.GetPeopleRequest) -> pb.GetPeopleResponse:
    rows = await session.all(PEOPLE, ids=[*request.ids], roles=[*request.roles], eligible=request.eligible)
    return pb.GetPeopleResponse(people=[fill(pb.User, row) for row in rows])


async def found(session: Session, id: str) -> Row:
    """A person, or the refusal."""
    row = await session.first(PERSON, id=id)
    if row is None:
        raise UserNotFound
    return row


async def locked(session: Session, id: str) -> Row:
    """A person whom nobody else changes, and to whom nobody issues a token, until this transaction ends."""
    row = await session.first(f"{PERSON} for no key update", id=id)
    if row is None:
        raise UserNotFound
    return row


def matches(search: str) -> ColumnElement[bool]:
    """Part of the name or the e-mail, in any case."""
    return or_(
        Profile.full_name.icontains(search, autoescape=True), Profile.email.icontains(search, autoescape=True)
    )


def counted(rows: Select[*tuple[Any, ...]]) -> Select[int]:
    return select(func.count()).select_from(rows.order_by(None).subquery())
