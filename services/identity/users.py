"""People: who they are, as they and their colleagues see them."""

from typing import Any

from sqlalchemy import ColumnElement, Select, func, or_, select, tuple_

from protos import identity_pb2 as pb
from services.identity.models import Profile
from services.kit import pages
from services.kit.actor import Actor
from services.kit.db import Session
from services.kit.errors import NotFound
from services.kit.pb import fill


class UserNotFound(NotFound):
    """User not found"""


ME = """
    select id, email, full_name, avatar_url, status, is_active, is_approved, role
    from profiles where id = %(id)s
"""
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
    .order_by(Profile.full_name, Profile.id)
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


async def list_users(session: Session, actor: Actor, request: pb.ListUsersRequest) -> pb.ListUsersResponse:
    """Colleagues who are active and approved, by name."""
    page = pages.read(request)
    colleagues = COLLEAGUES
    if request.role:
        colleagues = colleagues.where(Profile.role == request.role)
    if request.status:
        colleagues = colleagues.where(Profile.status == request.status)
    if request.search:
        colleagues = colleagues.where(matches(request.search))
    total = await session.scalar(counted(colleagues)) if page.wants_total else None
    if page.after:
        colleagues = colleagues.where(tuple_(Profile.full_name, Profile.id) > page.after)
    rows = await session.all(colleagues.limit(page.fetch).offset(page.offset))
    shown, pagination = pages.cut(page, rows, lambda row: (row.full_name, row.id), total)
    return pb.ListUsersResponse(users=[fill(pb.Colleague, row) for row in shown], pagination=pagination)


async def get_people(session: Session, actor: Actor, request: pb.GetPeopleRequest) -> pb.GetPeopleResponse:
    rows = await session.all(PEOPLE, ids=[*request.ids], roles=[*request.roles], eligible=request.eligible)
    return pb.GetPeopleResponse(people=[fill(pb.User, row) for row in rows])


def matches(search: str) -> ColumnElement[bool]:
    """Part of the name or the e-mail, in any case."""
    return or_(
        Profile.full_name.icontains(search, autoescape=True), Profile.email.icontains(search, autoescape=True)
    )


def counted(rows: Select[*tuple[Any, ...]]) -> Select[int]:
    return select(func.count()).select_from(rows.order_by(None).subquery())
