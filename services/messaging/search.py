"""Finding conversations by what people type: words that begin so, in names, numbers and messages.

Names and numbers match in the middle of a word too. A rare word is looked up; with a common one the inbox is
walked from its newest end, and a page is full soon. Either way the cost does not grow with the inbox.
"""

import re
from typing import Any

from sqlalchemy import ColumnElement, any_, false, literal, or_, select
from sqlalchemy.dialects.postgresql import ARRAY, TSQUERY
from sqlalchemy.types import Uuid

from services.kit.actor import Actor
from services.kit.db import Session
from services.messaging import phones
from services.messaging.models import Contact, Conversation, Message
from services.messaging.words import words

COMMON = 5_000  # a word with more matches than this is common
SHORTEST_IN_MESSAGES = 3
NUMBER = re.compile(r"[\d\s+().-]+")

CONTACTS = """
    select v.id from contacts c join conversations v on v.contact_id = c.id
    where c.search @@ %(query)s::tsquery limit %(most)s
"""
MATCHING = """
    select m.id, m.conversation_id from messages m
    where m.words @@ %(query)s::tsquery
      and m.deleted_at is null and (%(internal)s or not m.is_internal)
    limit %(most)s
"""
LAST = """
    select v.id, (select count(*) from matching) as matches
    from (select) as nothing left join (
        select v.id from matching m join conversations v
        on v.id = m.conversation_id and (%(everywhere)s or v.last_message_id = m.id)
    ) v on true
"""
MESSAGES = f"with matching as materialized ({MATCHING}) {LAST}"


async def condition(session: Session, actor: Actor, text: str, *, in_messages: bool) -> ColumnElement[bool]:
    """A `where` for conversations that match."""
    query = tsquery(text)
    if query is None:
        return false()
    everywhere = in_messages and len(text.strip()) >= SHORTEST_IN_MESSAGES
    by_contact = await session.all(CONTACTS, query=query, most=COMMON + 1)
    by_message = await session.all(
        MESSAGES, query=query, most=COMMON + 1, everywhere=everywhere, internal=actor.leads
    )
    if len(by_contact) > COMMON or by_message[0].matches > COMMON:
        return or_(*_walked(actor, query, everywhere=everywhere))
    ids = {row.id for row in (*by_contact, *by_message) if row.id}
    return Conversation.id == any_(literal(sorted(ids), ARRAY(Uuid(as_uuid=False))))


def _walked(actor: Actor, query: str, *, everywhere: bool) -> list[ColumnElement[Any]]:
    """Row by row: a subquery with a limit is never turned into a join over everything."""
    wanted = literal(query).cast(TSQUERY)
    contact = (
        select(Contact.id)
        .where(Contact.id == Conversation.contact_id, Contact.search.bool_op("@@")(wanted))
        .limit(1)
    )
    in_thread = Message.conversation_id == Conversation.id
    is_last = Message.id == Conversation.last_message_id
    place = in_thread if everywhere else is_last
    said = Message.words.bool_op("@@")(wanted)
    message = select(Message.id).where(place, said, Message.deleted_at.is_(None)).limit(1)
    if not actor.leads:
        message = message.where(Message.is_internal.is_(False))
    return [one.correlate(Conversation).scalar_subquery().is_not(None) for one in (contact, message)]


def tsquery(text: str) -> str | None:
    """All words have to be there, each of them as the beginning of one."""
    if NUMBER.fullmatch(text.strip()):
        digits = phones.NOT_DIGITS.sub("", text)
        return " | ".join(f"{one}:*" for one in phones.variants(digits)) if digits else None
    return " & ".join(f"{word}:*" for word in words(text)) or None
