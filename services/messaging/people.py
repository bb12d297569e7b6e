"""What messaging knows of the people who attend: a copy of identity's, kept by its events."""

from sqlalchemy.dialects.postgresql import insert

from protos import identity_pb2
from services.kit.db import Session
from services.messaging.models import Person


async def remember(session: Session, event: identity_pb2.UserRegistered) -> None:
    values = {
        "full_name": event.full_name,
        "role": event.role,
        "is_active": True,
        "is_approved": event.is_approved,
    }
    await session.run(
        insert(Person)
        .values(id=event.user_id, **values)
        .on_conflict_do_update(index_elements=[Person.id], set_=values)
    )
