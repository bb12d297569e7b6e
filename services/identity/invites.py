"""Invitations to the team: a link that works once."""

import secrets
from datetime import timedelta

from sqlalchemy import case, literal, select, tuple_

from protos import identity_pb2 as pb
from services.identity import hashing, mail, registration, sessions, throttle, users
from services.identity.models import TeamInvite
from services.identity.settings import settings
from services.kit import pages
from services.kit.actor import Actor
from services.kit.clock import now, parse
from services.kit.db import Database, Row, Session
from services.kit.errors import Forbidden, Invalid, NotFound
from services.kit.outbox import emit
from services.kit.pb import fill
from services.kit.tables import new_id


class MayNotInviteAdmins(Forbidden):
    """Only an administrator may invite an administrator"""


class InviteNotFound(NotFound):
    """Invite not found or already used"""


class InviteHasExpired(Invalid):
    """Invite has expired"""

    code = "invite_expired"


class InviteAlreadyAccepted(Invalid):
    """Invite has already been accepted"""


LIFETIME = timedelta(days=7)

TAKEN = "select 1 from profiles where email = %(email)s"
ISSUE = """
    insert into team_invites
        (id, email, role, sector_id, token_hash, status, expires_at, invited_by, created_at)
    values (%(id)s, %(email)s, %(role)s, %(sector)s, %(hash)s, 'pending', %(until)s, %(by)s, %(at)s)
    on conflict (email) where status = 'pending' do update
    set role = excluded.role, sector_id = excluded.sector_id, token_hash = excluded.token_hash,
        expires_at = excluded.expires_at, invited_by = excluded.invited_by
    returning id, email, role, sector_id, status, expires_at, invited_by, created_at
"""
UNUSED = """
    select id, email, role, sector_id, expires_at from team_invites
    where token_hash = %(hash)s and status in ('pending', 'expired')
"""
ACCEPT = "update team_invites set status = 'accepted', accepted_at = %(at)s where id = %(id)s"
STATUS = "select status from team_invites where id = %(id)s for update"
REVOKE = """
    update team_invites set status = 'revoked' where id = %(id)s and status = 'pending'
    returning id, email, role, sector_id
"""
EXPIRE = """
    update team_invites set status = 'expired' where status = 'pending' and expires_at <= %(at)s
    returning id, email, role, sector_id
"""

ORDER = (TeamInvite.created_at, TeamInvite.id)

SUBJECT = "Convite para a equipe"
LETTER = """\
Olá!

Você foi convidado para a equipe no Convo Insight.
Para criar a sua conta, abra este endereço em até 7 dias:

{link}

Se você não esperava este convite, ignore esta mensagem.
"""


async def invite(session: Session, actor: Actor, request: pb.InviteRequest) -> pb.InviteResponse:
    email, role = request.email.strip().lower(), request.role or "agent"
    if role == "admin" and actor.role != "admin":
        raise MayNotInviteAdmins
    if await session.first(TAKEN, email=email):
        raise registration.UserExists
    await registration.check_domain(session, email)
    token = secrets.token_hex(32)
    issued = await session.first(
        ISSUE,
        id=new_id(),
        email=email,
        role=role,
        sector=request.sector_id or None,
        hash=sessions.hashed(token),
        until=now() + LIFETIME,
        by=actor.id,
        at=now(),
    )
    assert issued
    await emit(session, pb.InviteCreated(invite_id=issued.id, by=actor.id, **_about(issued)))
    link = f"{settings().frontend_url}/accept-invite/{token}"
    await mail.post(session, email, SUBJECT, LETTER.format(link=link))
    return pb.InviteResponse(
        success=True,
        invite=fill(pb.IssuedInvite, issued, invite_token=token),
        invite_link=link,
        message="Invite created successfully",
    )


async def list_invites(
    session: Session, actor: Actor, request: pb.ListInvitesRequest
) -> pb.ListInvitesResponse:
    """An invitation past its time shows as expired, also before the clock has come by to mark it."""
    page = pages.read(request)
    late = TeamInvite.expires_at <= literal(now(), TeamInvite.expires_at.type)
    status = case(
        (TeamInvite.status == "pending", case((late, "expired"), else_="pending")), else_=TeamInvite.status
    )
    invites = (
        select(
            TeamInvite.id,
            TeamInvite.email,
            TeamInvite.role,
            TeamInvite.sector_id,
            status.label("status"),
            TeamInvite.expires_at,
            TeamInvite.accepted_at,
            TeamInvite.invited_by,
            TeamInvite.created_at,
        )
        .where(status == (request.status or "pending"))
        .order_by(*(column.desc() for column in ORDER))
    )
    total = await session.scalar(users.counted(invites)) if page.wants_total else None
    if page.after:
        invites = invites.where(tuple_(*ORDER) < pages.place(page, *ORDER))
    rows = await session.all(invites.limit(page.fetch).offset(page.offset))
    shown, pagination = pages.cut(page, rows, lambda row: (row.created_at, row.id), total)
    return pb.ListInvitesResponse(invites=[fill(pb.TeamInvite, row) for row in shown], pagination=pagination)


async def accept(db: Database, actor: Actor, request: pb.AcceptInviteRequest) -> pb.AcceptInviteResponse:
    hashing.check(request.password)
    token = sessions.hashed(request.token)
    async with db.read() as session:
        found = await session.first(UNUSED, hash=token)
    if found is None:
        await throttle.spend(db, throttle.limits("accept-invite", request.client_address))
        raise InviteNotFound
    if parse(found.expires_at) <= now():
        await expire(db)
        raise InviteHasExpired
    hash = await hashing.hashed(request.password)
    async with db.begin() as session:
        return await _accept(session, request, token, hash)


async def revoke(session: Session, actor: Actor, request: pb.RevokeInviteRequest) -> pb.SuccessResponse:
    status = await session.scalar(STATUS, id=request.id)
    if status is None:
        raise InviteNotFound("Invite not found")
    if status == "accepted":
        raise InviteAlreadyAccepted
    revoked = await session.first(REVOKE, id=request.id)
    if revoked:
        await emit(session, pb.InviteRevoked(invite_id=revoked.id, by=actor.id, **_about(revoked)))
    return pb.SuccessResponse(success=True)


async def expire(db: Database) -> None:
    """Mark what is past its time."""
    async with db.begin() as session:
        rows = await session.all(EXPIRE, at=now())
        await emit(session, *(pb.InviteExpired(invite_id=row.id, **_about(row)) for row in rows))


async def _accept(
    session: Session, request: pb.AcceptInviteRequest, token: str, hash: str
) -> pb.AcceptInviteResponse:
    found = await session.first(f"{UNUSED} and status = 'pending' for update", hash=token)
    if found is None:
        raise InviteNotFound
    person = await registration.add(session, found.email, request.full_name.strip(), hash, role=found.role)
    if person is None:
        raise registration.UserExists
    await session.run(ACCEPT, id=found.id, at=now())
    await emit(session, pb.InviteAccepted(invite_id=found.id, user_id=person.id, **_about(found)))
    await registration.announce(session, person, is_first_user=False, via="invite")
    tokens = await sessions.start(session, person, request.client_address, request.user_agent)
    user = pb.JoinedUser(id=person.id, email=person.email, full_name=person.full_name, role=person.role)
    return fill(pb.AcceptInviteResponse, tokens, success=True, user=user)


def _about(invite: Row) -> dict[str, str]:
    return {"email": invite.email, "role": invite.role, "sector_id": invite.sector_id}
