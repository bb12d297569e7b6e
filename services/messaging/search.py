"""Finding conversations by what people type: words that begin so, in names, numbers and messages.

Names and numbers match in the middle of a word too. A rare word is looked up; with a common one the inbox is
walked from its newest end, and a page is full soon. Either way the cost does not grow with the inbox: what
the statistics know to be common is not looked up at all, since the index lists all that matches.
"""

import re
from typing import Any

from sqlalchemy import ColumnElement, any_, false, literal, or_, select, true
from sqlalchemy.dialects.postgresql import ARRAY, TSQUERY
from sqlalchemy.types import Uuid

from services.kit.actor import Actor
from services.kit.db import Session
from services.messaging import phones
from services.messaging.models import Contact, Conversation, Message
from services.messaging.words import words

COMMON = 5_000  # a word with more matches than this is common
WALKED = 500  # messages of one thread that are looked at for a common word
SHORTEST_IN_MESSAGES = 3
BEGINNING = re.compile(r"(\w+):\*")
NUMBER = re.compile(r"[\d\s+().-]+")

KNOWN_AS_COMMON = """
    select exists (
        select from pg_stats s join pg_class c on c.oid = format('messaging.%%I', s.tablename)::regclass,
            unnest(s.most_common_elems::text::text[], s.most_common_elem_freqs) as word(spelled, share)
        where s.schemaname = 'messaging'
          and (s.tablename, s.attname) in (('contacts', 'search'), ('messages', 'words'))
          and spelled ^@ any(%(words)s::text[]) and share * c.reltuples > %(most)s
    )
"""
# Found first, by the index, and cut then: told of the limit PostgreSQL would rather read the whole table.
CONTACTS = """
    with found as materialized (select id from contacts where search @@ %(query)s::tsquery)
    select v.id from (select id from found limit %(most)s) f join conversations v on v.contact_id = f.id
"""
MATCHING = """
    found as materialized (
        select id, conversation_id from messages
        where words @@ %(query)s::tsquery and deleted_at is null and (%(internal)s or not is_internal)
    ),
    matching as materialized (select * from found limit %(most)s)
"""
LAST = """
    select v.id, (select count(*) from matching) as matches
    from (select) as nothing left join (
        select v.id from matching m join conversations v
        on v.id = m.conversation_id and (%(everywhere)s or v.last_message_id = m.id)
        where (select count(*) from matching) < %(most)s
    ) v on true
"""
MESSAGES = f"with {MATCHING} {LAST}"


async def condition(session: Session, actor: Actor, text: str, *, in_messages: bool) -> ColumnElement[bool]:
    """A `where` for conversations that match."""
    query = tsquery(text)
    if query is None:
        return false()
    everywhere = in_messages and len(text.strip()) >= SHORTEST_IN_MESSAGES
    if "&" not in query and await session.scalar(
        KNOWN_AS_COMMON, words=BEGINNING.findall(query), most=COMMON
    ):
        return or_(*_walked(actor, query, everywhere=everywhere))
    by_contact = await session.all(CONTACTS, query=query, most=COMMON + 1)
    by_message = await session.all(
        MESSAGES, query=query, most=COMMON + 1, everywhere=everywhere, internal=actor.leads
    )
    if len(by_contact) > COMMON or by_message[0].matches > COMMON:
        return or_(*_walked(actor, query, everywhere=everywhere))
    ids = {row.id for row in (*by_contact, *by_message) if row.id}
    return Conversation.id == any_(literal(sorted(ids), ARRAY(Uuid(as_uuid=False))))


def _walked(actor: Actor, query: str, *, everywhere: bool) -> list[ColumnElement[Any]]:
    """Row by row: a subquery with a limit is never turned into a join over everything.

    Of a thread the newest messages are looked at: what is common is found there, or in another one.
    """
    wanted = literal(query).cast(TSQUERY)
    contact = (
        select(Contact.id)
        .where(Contact.id == Conversation.contact_id, Contact.search.bool_op("@@")(wanted))
        .limit(1)
    )
    in_thread = Message.conversation_id == Conversation.id
    is_last = Message.id == Conversation.last_message_id
    newest = (
        select(Message.id, Message.words)
        .where(in_thread if everywhere else is_last, Message.deleted_at.is_(None))
        .where(true() if actor.leads else Message.is_internal.is_(False))
        .order_by(Message.timestamp.desc(), Message.id.desc())
        .limit(WALKED)
        .correlate(Conversation)
        .subquery()
    )
    message = select(newest.c.id).where(newest.c.words.bool_op("@@")(wanted)).limit(1)
    return [one.correlate(Conversation).scalar_subquery().is_not(None) for one in (contact, message)]


def tsquery(text: str) -> str | None:
    """All words have to be there, each of them as the beginning of one."""
    if NUMBER.fullmatch(text.strip()):
        digits = phones.NOT_DIGITS.sub("", text)
        return " | ".join(f"{one}:*" for one in phones.variants(digits)) if digits else None
    return " & ".join(f"{word}:*" for word in words(text)) or None
