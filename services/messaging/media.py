"""Files of messages that arrived: fetched and stored as ours, because WhatsApp's own addresses expire."""

from collections.abc import Sequence

import orjson

from services.kit.clock import now
from services.kit.db import Session
from services.messaging.inbound import Message

EXPECT = """
    insert into media_jobs (message_id, media, content, due_at)
    values (%(message)s, %(media)s, %(content)s, %(at)s) on conflict do nothing
"""


async def expect(session: Session, stored: Sequence[tuple[str, Message]]) -> None:
    """Each file gets a job, in the transaction of its message; what came with the webhook is kept with it."""
    for id, message in stored:
        if message.media is None:
            continue
        media = message.media
        known = {"url": media.url, "external_id": media.external_id, "sha256": media.sha256}
        await session.run(
            EXPECT,
            message=id,
            media=orjson.dumps(known).decode(),
            content=media.base64.encode() if media.base64 else None,
            at=now(),
        )
