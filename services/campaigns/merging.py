"""Two conversations turn out to be with one customer: what the one that is gone had is the other's."""

from protos import messaging_pb2 as messaging
from services.campaigns import escalating, handovers, resolutions, sla
from services.campaigns.escalations import locked_active
from services.kit.clock import now
from services.kit.db import Database, Session

# What was done about the conversation that is gone has to be done about the one that stays.
MOVE_ESCALATIONS = """
    update escalations set conversation_id = %(kept)s,
        taken_over_at = case when status in ('pending', 'assigned') then null else taken_over_at end,
        handed_over_at = case when status in ('pending', 'assigned') then null else handed_over_at end
    where conversation_id = %(gone)s
"""
MOVE_MEETINGS = "update meetings set conversation_id = %(kept)s where conversation_id = %(gone)s"
# A customer is offered times in one conversation at a time.
CLOSE_INTENTS = """
    update scheduling_intents as one set status = 'cancelled', updated_at = %(at)s
    where conversation_id = %(gone)s and status in ('pending', 'slots_offered', 'awaiting_confirmation')
        and exists (
            select from scheduling_intents as other where other.conversation_id = %(kept)s
                and other.status in ('pending', 'slots_offered', 'awaiting_confirmation')
        )
"""
MOVE_INTENTS = "update scheduling_intents set conversation_id = %(kept)s where conversation_id = %(gone)s"
RENAME_ESCALATIONS = "update escalations set contact_id = %(kept)s where conversation_id = %(id)s"
RENAME_MEETINGS = "update meetings set contact_id = %(kept)s where contact_id = %(gone)s"
# Who is addressed under both ids already gets it once.
RENAME_RECIPIENTS = """
    update campaign_messages as one set contact_id = %(kept)s
    where contact_id = %(gone)s and status = 'pending' and not exists (
        select from campaign_messages as other
        where other.campaign_id = one.campaign_id and other.contact_id = %(kept)s
    )
"""


async def follow(db: Database, event: messaging.ConversationMerged) -> None:
    async with db.begin() as session:
        if event.conversation_id != event.gone_conversation_id:
            await _move(session, event.gone_conversation_id, event.conversation_id)
        await _rename(session, event)
        active = await locked_active(session, event.conversation_id)
    if active is not None:
        await handovers.silence_ai(db, active.id)
        await handovers.give_conversation(db, active.id)


async def _move(session: Session, gone: str, kept: str) -> None:
    theirs, ours = await locked_active(session, gone), await locked_active(session, kept)
    if theirs is not None and ours is not None:
        await resolutions.abandon(session, theirs, "conversation_merged")
        await escalating.raise_to(session, ours, theirs.priority)
    await session.run(MOVE_ESCALATIONS, gone=gone, kept=kept)
    await session.run(MOVE_MEETINGS, gone=gone, kept=kept)
    await session.run(CLOSE_INTENTS, gone=gone, kept=kept, at=now())
    await session.run(MOVE_INTENTS, gone=gone, kept=kept)
    await sla.unite(session, gone, kept)


async def _rename(session: Session, event: messaging.ConversationMerged) -> None:
    ids = {"gone": event.gone_contact_id, "kept": event.contact_id}
    await session.run(RENAME_ESCALATIONS, kept=event.contact_id, id=event.conversation_id)
    await session.run(RENAME_MEETINGS, **ids)
    await session.run(RENAME_RECIPIENTS, **ids)
