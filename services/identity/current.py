"""People and invitations as they are at this moment: what the event stream shows."""

from protos import identity_pb2 as pb
from services.kit.actor import Actor
from services.kit.clock import now
from services.kit.db import Session
from services.kit.pb import fill

USERS = """
    select id, full_name, email, avatar_url, status, is_active, is_approved, created_at, updated_at, role
    from profiles where id = any(%(ids)s::uuid[])
"""
INVITES = """
    select id, email, role, sector_id, expires_at, accepted_at, invited_by, created_at,
        case when status = 'pending' and expires_at <= %(at)s then 'expired' else status end as status
    from team_invites where id = any(%(ids)s::uuid[])
"""


async def get(session: Session, actor: Actor, request: pb.GetCurrentRequest) -> pb.GetCurrentResponse:
    """What is not there any more is left out."""
    users = await session.all(USERS, ids=[*request.user_ids]) if request.user_ids else []
    invites = await session.all(INVITES, ids=[*request.invite_ids], at=now()) if request.invite_ids else []
    return pb.GetCurrentResponse(
        users=[fill(pb.User, row) for row in users], invites=[fill(pb.TeamInvite, row) for row in invites]
    )
