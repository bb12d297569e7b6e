"""What many tests say: who acts, and what was announced."""

from services.kit.actor import Actor, service
from services.kit.bus import subject
from services.kit.db import Session
from services.kit.tables import new_id

INTELLIGENCE = service("intelligence")
ADMIN = Actor(id=new_id(), role="admin", service="gateway", session=new_id())
SUPERVISOR = Actor(id=new_id(), role="supervisor", service="gateway", session=new_id())
MARIA = Actor(id=new_id(), role="agent", service="gateway", session=new_id())
JOAO = Actor(id=new_id(), role="agent", service="gateway", session=new_id())


async def emitted(session: Session) -> list[str]:
    """The names of the events that this transaction announces, in order."""
    rows = await session.all("select type from outbox where published_at is null order by id")
    return [subject(row.type).removeprefix("convo.") for row in rows]
