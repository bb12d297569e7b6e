"""How often entries are used: by people, and by the AI agent once for each message."""

from protos import intelligence_pb2
from protos import knowledge_pb2 as pb
from services.kit.actor import Actor
from services.kit.clock import now
from services.kit.db import Session
from services.knowledge.edits import EntryNotFound

# `updated_at` stays: being used does not change an entry.
COUNT = """
    update knowledge_base set use_count = use_count + 1, last_used_at = %(at)s
    where id = %(id)s and is_active returning use_count, last_used_at
"""
COUNT_ONCE = """
    with new as (
        insert into knowledge_usage_events (entry_id, message_id, conversation_id, created_at)
        select entry, %(message)s, %(conversation)s, %(at)s
        from unnest(%(entries)s::uuid[]) as entry order by entry
        on conflict do nothing returning entry_id
    )
    update knowledge_base k set use_count = use_count + 1, last_used_at = %(at)s
    from new where k.id = new.entry_id and k.is_active
"""


async def count(session: Session, actor: Actor, request: pb.UseEntryRequest) -> pb.UseEntryResponse:
    row = await session.first(COUNT, id=request.id, at=now())
    if row is None:
        raise EntryNotFound
    return pb.UseEntryResponse(success=True, use_count=row.use_count, last_used_at=row.last_used_at)


async def count_once(session: Session, event: intelligence_pb2.KnowledgeUsed) -> None:
    """However often the event comes, and whoever reports it again."""
    await session.run(
        COUNT_ONCE,
        entries=[*set(event.entry_ids)],
        message=event.message_id,
        conversation=event.conversation_id,
        at=now(),
    )
