"""Reactions: one of each person to a message; the latest counts, and taking it back is one too."""

from datetime import datetime

from sqlalchemy import bindparam, func, tuple_
from sqlalchemy.dialects.postgresql import insert

from protos import messaging_pb2 as pb
from services.kit.clock import now, rfc3339
from services.kit.db import Session
from services.messaging.inbound import Reaction as Told
from services.messaging.message_models import Reaction
from services.messaging.statuses import Target

ME = "me"
CONTACT = "contact"

_given = insert(Reaction).values(
    message_id=bindparam("message"),
    reactor=bindparam("who"),
    reactor_jid=bindparam("jid"),
    emoji=bindparam("emoji"),
    is_from_me=bindparam("from_me"),
    reacted_at=bindparam("at"),
)
SET = _given.on_conflict_do_update(
    index_elements=[Reaction.message_id, Reaction.reactor],
    set_={
        "emoji": _given.excluded.emoji,
        "reactor_jid": _given.excluded.reactor_jid,
        "reacted_at": _given.excluded.reacted_at,
    },
    where=tuple_(Reaction.reacted_at, Reaction.emoji)
    < tuple_(_given.excluded.reacted_at, _given.excluded.emoji),
).returning(func.coalesce(Reaction.emoji, ""))


async def take(session: Session, target: Target, told: Told, told_at: datetime | None) -> str | None:
    """In a chat of two, the other side is one person whatever id it goes by today."""
    jid = told.reactor_jid or ME
    who = ME if told.from_me else jid if told.chat.is_group else CONTACT
    reacted_at = told.reacted_at or told_at or now()
    return await react(session, target, who=who, jid=jid, emoji=told.emoji, at=rfc3339(reacted_at))


async def react(session: Session, target: Target, *, who: str, jid: str, emoji: str, at: str) -> str | None:
    is_mine = who == ME
    changed = await session.first(
        SET, message=target.id, who=who, jid=jid, emoji=emoji, from_me=is_mine, at=at
    )
    if changed is None:
        return "reaction_not_newer"
    target.events.append(
        pb.ReactionChanged(
            conversation_id=target.conversation_id,
            message_id=target.id,
            emoji=emoji,
            reactor_jid=jid,
            is_from_me=is_mine,
        )
    )
    return None
