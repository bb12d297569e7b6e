"""Messages that are taken back: they stay here, marked, and supervisors still see what they said."""

import orjson
from sqlalchemy import update

from protos import messaging_pb2 as pb
from services.kit.clock import now, rfc3339
from services.kit.db import Session
from services.messaging.headers import TAKEN_BACK
from services.messaging.models import Conversation, Message
from services.messaging.statuses import Target


async def take(session: Session, target: Target, by: str | None = None) -> str | None:
    if target.deleted_at is not None:
        return "unchanged"
    target.deleted_at = rfc3339(now())
    target.metadata["deletedVia"] = "whatsapp" if by is None else "api"
    await session.run(
        update(Message)
        .where(Message.id == target.id)
        .values(
            deleted_at=target.deleted_at,
            deleted_by=by,
            metadata_=orjson.dumps(target.metadata).decode(),
        )
    )
    await session.run(
        update(Conversation)
        .where(Conversation.last_message_id == target.id)
        .values(last_message_preview=TAKEN_BACK)
    )
    target.events.append(
        pb.MessageDeleted(conversation_id=target.conversation_id, message_id=target.id, deleted_by=by)
    )
    return None
