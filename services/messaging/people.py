"""What messaging knows of the people who attend: a copy of identity's, fetched anew at each of its events."""

from sqlalchemy import bindparam
from sqlalchemy.dialects.postgresql import insert

from protos import identity_pb2
from services.kit.db import Database
from services.messaging import assignments, peers
from services.messaging.inbox_models import Person

KNOWN = ("full_name", "avatar_url", "role", "is_active", "is_approved", "updated_at")
REMEMBER = insert(Person).values({name: bindparam(name) for name in ("id", *KNOWN)})
REMEMBER = REMEMBER.on_conflict_do_update(
    index_elements=[Person.id],
    set_={name: REMEMBER.excluded[name] for name in KNOWN},
    where=Person.updated_at <= REMEMBER.excluded.updated_at,
)


async def remember(db: Database, event: identity_pb2.UserRegistered) -> None:
    await _fetch(db, event.user_id)


async def follow_changes(db: Database, event: identity_pb2.UserUpdated) -> None:
    await _fetch(db, event.user_id)


async def follow_approval(db: Database, event: identity_pb2.UserApproved) -> None:
    await _fetch(db, event.user_id)


async def follow_role(db: Database, event: identity_pb2.RoleChanged) -> None:
    await _fetch(db, event.user_id)


async def follow_return(db: Database, event: identity_pb2.UserReactivated) -> None:
    await _fetch(db, event.user_id)


async def follow_leaving(db: Database, event: identity_pb2.UserDeactivated) -> None:
    """Who is gone attends nobody: what is open goes back to the queue."""
    await _fetch(db, event.user_id)
    await assignments.release_all(db, event.user_id)


async def _fetch(db: Database, id: str) -> None:
    """As it is now: whichever event comes last, and however late, the newest state stays."""
    reply = await peers.identity.GetPeople(identity_pb2.GetPeopleRequest(ids=[id]))
    async with db.begin() as session:
        for user in reply.people:
            values = {name: getattr(user, name) for name in KNOWN}
            await session.run(REMEMBER, id=user.id, **{**values, "avatar_url": user.avatar_url or None})
