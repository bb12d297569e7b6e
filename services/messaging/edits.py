"""Edits: every version of a message is kept, and the newest one is shown, whenever each of them is told."""

from sqlalchemy import delete, select, update

from protos import messaging_pb2 as pb
from services.kit.clock import now, rfc3339
from services.kit.db import Session
from services.kit.tables import new_id
from services.messaging.headers import PREVIEW
from services.messaging.inbound import Edit
from services.messaging.message_models import Version
from services.messaging.models import Conversation, Message
from services.messaging.statuses import Target
from services.messaging.words import vector

ADD = """
    insert into message_versions (id, message_id, content, edited_at, edited_by, created_at)
    values (%(id)s, %(message)s, %(content)s, %(at)s, %(by)s, %(now)s)
    on conflict (message_id, edited_at, md5(content))
    do update set edited_by = coalesce(message_versions.edited_by, excluded.edited_by)
"""


async def take(session: Session, target: Target, edit: Edit, by: str | None = None) -> str | None:
    """None when it said something new. Some versions tell of one edit twice, once without its time."""
    versions = await session.all(
        select(Version.content, Version.edited_at).where(Version.message_id == target.id)
    )
    known = {version.content for version in versions}
    if edit.edited_at is None and edit.content in (target.content, *known):
        return "unchanged"
    await _add(session, target, edit, by)
    candidates = [(one.edited_at or "", one.content) for one in versions if not _is_twin(one, edit)]
    candidates.append((rfc3339(edit.edited_at) if edit.edited_at else "", edit.content))
    edited_at, content = max(candidates)
    await _show(session, target, content, edited_at or target.edited_at or rfc3339(now()), by)
    return None


def _is_twin(version: object, edit: Edit) -> bool:
    untimed: bool = version.edited_at is None and version.content == edit.content  # type: ignore[attr-defined]
    return untimed


async def _add(session: Session, target: Target, edit: Edit, by: str | None) -> None:
    twin = (Version.message_id == target.id) & Version.edited_at.is_(None) & (Version.content == edit.content)
    await session.run(delete(Version).where(twin))
    await session.run(
        ADD, message=target.id, content=edit.content, at=edit.edited_at, by=by, id=new_id(), now=now()
    )


async def _show(session: Session, target: Target, content: str, edited_at: str, by: str | None) -> None:
    previous, target.edited_at = target.content, edited_at
    values = {"content": content, "words": vector(content), "edited_at": edited_at}
    if target.original_content is None:
        target.original_content = values["original_content"] = previous
    await session.run(update(Message).where(Message.id == target.id).values(**values))
    if content == previous:
        return
    target.content = content
    if target.deleted_at is None:
        await session.run(
            update(Conversation)
            .where(Conversation.last_message_id == target.id)
            .values(last_message_preview=content[:PREVIEW])
        )
    target.events.append(
        pb.MessageEdited(
            conversation_id=target.conversation_id,
            message_id=target.id,
            previous_content=previous,
            content=content,
            edited_by=by,
        )
    )
