"""What messaging keeps of the people who attend."""

from services.kit.db import Database
from services.kit.tables import new_id
from services.messaging import people

BEFORE, AFTER = "2026-01-01T00:00:00.000Z", "2026-01-02T00:00:00.000Z"


async def test_the_newest_state_of_a_person_stays_whichever_comes_last(db: Database) -> None:
    id = new_id()
    person = {"id": id, "avatar_url": None, "role": "agent", "is_active": True, "is_approved": True}

    async with db.begin() as session:
        await session.run(people.REMEMBER, **person, full_name="Ana Lima", updated_at=AFTER)
        await session.run(people.REMEMBER, **person, full_name="Ana", updated_at=BEFORE)
        name = await session.scalar("select full_name from people where id = %(id)s", id=id)

    assert name == "Ana Lima"
