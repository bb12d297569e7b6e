"""Members of the team, as administrators see and change them."""

from sqlalchemy import select, tuple_, update

from protos import identity_pb2 as pb
from services.identity import revocations, users
from services.identity.models import Profile
from services.kit import pages
from services.kit.actor import Actor
from services.kit.db import Session
from services.kit.errors import Invalid
from services.kit.outbox import emit
from services.kit.pb import fill


class OwnAccount(Invalid):
    """You cannot deactivate your own account"""


class LastAdmin(Invalid):
    """The last active administrator cannot be removed"""


ADMINS = """
    select id from profiles where role = 'admin' and is_active and is_approved order by id for no key update
"""
ORDER = (Profile.created_at, Profile.id)
EVERYBODY = select(
    Profile.id,
    Profile.full_name,
    Profile.email,
    Profile.avatar_url,
    Profile.status,
    Profile.is_active,
    Profile.is_approved,
    Profile.created_at,
    Profile.updated_at,
    Profile.role,
).order_by(*(column.desc() for column in ORDER))


async def approve(session: Session, actor: Actor, request: pb.UserRequest) -> pb.UserResponse:
    person = await users.locked(session, request.user_id)
    if not person.is_approved:
        await _change(session, person.id, is_approved=True)
        await emit(session, pb.UserApproved(user_id=person.id, by=actor.id))
    return await _answer(session, person.id)


async def deactivate(session: Session, actor: Actor, request: pb.UserRequest) -> pb.UserResponse:
    if request.user_id == actor.id:
        raise OwnAccount
    await _keep_an_admin(session, besides=request.user_id)
    person = await users.locked(session, request.user_id)
    if person.is_active:
        await _change(session, person.id, is_active=False, status="offline")
        await revocations.end_all_sessions(session, person.id)
        await emit(session, pb.UserDeactivated(user_id=person.id, by=actor.id))
    return await _answer(session, person.id)


async def activate(session: Session, actor: Actor, request: pb.UserRequest) -> pb.UserResponse:
    person = await users.locked(session, request.user_id)
    if not person.is_active:
        await _change(session, person.id, is_active=True)
        await emit(session, pb.UserReactivated(user_id=person.id, by=actor.id))
    return await _answer(session, person.id)


async def change_role(session: Session, actor: Actor, request: pb.ChangeRoleRequest) -> pb.ChangeRoleResponse:
    """Sessions live on; their access tokens are refused, so that they fetch new ones with the new role."""
    if request.role != "admin":
        await _keep_an_admin(session, besides=request.user_id)
    person = await users.locked(session, request.user_id)
    if person.role != request.role:
        await _change(session, person.id, role=request.role)
        await revocations.end_tokens(session, person.id)
        await emit(
            session,
            pb.RoleChanged(user_id=person.id, old_role=person.role, new_role=request.role, by=actor.id),
        )
    return pb.ChangeRoleResponse(success=True, role=request.role)


async def list_all_users(
    session: Session, actor: Actor, request: pb.ListAllUsersRequest
) -> pb.ListAllUsersResponse:
    page = pages.read(request)
    everybody = EVERYBODY
    if request.role:
        everybody = everybody.where(Profile.role == request.role)
    if request.HasField("is_active"):
        everybody = everybody.where(Profile.is_active == request.is_active)
    if request.HasField("is_approved"):
        everybody = everybody.where(Profile.is_approved == request.is_approved)
    if request.search:
        everybody = everybody.where(users.matches(request.search))
    total = await session.scalar(users.counted(everybody)) if page.wants_total else None
    if page.after:
        everybody = everybody.where(tuple_(*ORDER) < pages.place(page, *ORDER))
    rows = await session.all(everybody.limit(page.fetch).offset(page.offset))
    shown, pagination = pages.cut(page, rows, lambda row: (row.created_at, row.id), total)
    return pb.ListAllUsersResponse(users=[fill(pb.User, row) for row in shown], pagination=pagination)


async def _keep_an_admin(session: Session, *, besides: str) -> None:
    """Whoever removes an administrator locks them all first: of two at once, one waits and sees."""
    if [row.id for row in await session.all(ADMINS)] == [besides]:
        raise LastAdmin


async def _change(session: Session, id: str, **values: object) -> None:
    await session.run(update(Profile).where(Profile.id == id).values(**values))


async def _answer(session: Session, id: str) -> pb.UserResponse:
    return pb.UserResponse(success=True, user=fill(pb.User, await users.found(session, id)))
