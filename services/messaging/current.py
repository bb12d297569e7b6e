"""What is there at this moment, as REST shows it: what the event stream shows, and to whom."""

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import Select, any_, bindparam, func, or_, select
from sqlalchemy.dialects.postgresql import ARRAY, UUID

from protos import messaging_pb2 as pb
from services.kit.actor import Actor
from services.kit.db import Row, Session
from services.kit.pb import fill
from services.messaging import addressbook, conversations, instances, notes, threads
from services.messaging.inbox_models import Note
from services.messaging.models import Contact, Conversation, Instance, Message

IDS = ARRAY(UUID(as_uuid=False))
WANTED = any_(bindparam("ids", type_=IDS))

CONVERSATIONS = conversations.HEADER.where(
    or_(
        Conversation.id == any_(bindparam("conversations", type_=IDS)),
        Conversation.contact_id == any_(bindparam("contacts", type_=IDS)),
    )
)
MESSAGES = select(func.row_to_json(threads.SHOWN.where(Message.id == WANTED).subquery("one").table_valued()))
CONTACTS = addressbook.SHOWN.where(Contact.id == WANTED, Contact.deleted_at.is_(None))
NOTES = notes.SHOWN.where(Note.id == WANTED)
INSTANCES = instances.SHOWN.where(Instance.id == WANTED)


async def get(session: Session, actor: Actor, request: pb.GetCurrentRequest) -> pb.GetCurrentResponse:
    """What is not there any more is left out."""
    seen: Sequence[Row] = []
    if request.conversation_ids or request.contact_ids:
        seen = await session.all(
            CONVERSATIONS, conversations=[*request.conversation_ids], contacts=[*request.contact_ids]
        )
    written = await _found(session, MESSAGES, request.message_ids)
    known = await _found(session, CONTACTS, request.contact_ids)
    noted = await _found(session, NOTES, request.note_ids)
    return pb.GetCurrentResponse(
        conversations=map(conversations.shown, seen),
        messages=[threads.message(actor, orjson.loads(text)) for (text,) in written],
        contacts=[fill(pb.Contact, row) for row in known],
        notes=[fill(pb.Note, row) for row in noted],
        instances=map(instances.shown, await _found(session, INSTANCES, request.instance_ids)),
    )


async def _found(session: Session, statement: Select[Any], ids: Sequence[str]) -> Sequence[Row]:
    return await session.all(statement, ids=[*ids]) if ids else []
