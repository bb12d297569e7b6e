"""Vectors for entries that have none yet: new ones, and those whose text has changed."""

from services.kit.db import Database
from services.knowledge import embeddings

BATCH = 20
MISSING = """
    select id, question, answer, version from knowledge_base
    where embedding is null and is_active order by updated_at limit %(limit)s
"""
FILL = """
    update knowledge_base k set embedding = given.vector
    from unnest(%(ids)s::uuid[], %(versions)s::int[], %(vectors)s::bytea[]) as given (id, version, vector)
    where k.id = given.id and k.version = given.version
"""


async def fill(db: Database) -> None:
    """Until none is missing. A text that changes meanwhile has another version, and its turn comes again."""
    while True:
        async with db.read() as session:
            rows = await session.all(MISSING, limit=BATCH)
        if not rows:
            return
        vectors = await embeddings.of_entries([(row.question, row.answer) for row in rows])
        async with db.begin() as session:
            await session.run(
                FILL,
                ids=[row.id for row in rows],
                versions=[row.version for row in rows],
                vectors=[embeddings.packed(vector) for vector in vectors],
            )
