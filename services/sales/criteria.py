"""What counts as qualified, for a sector."""

from services.kit.db import Row, Session

FOR_SECTOR = """
    select * from lead_qualification_criteria where sector_id = %(sector)s::uuid or sector_id is null
    order by sector_id nulls last limit 1
"""


async def of(session: Session, sector: str | None) -> Row:
    """The sector's own criteria, or everyone's."""
    return await session.first(FOR_SECTOR, sector=sector or None)
