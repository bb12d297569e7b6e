"""Who attends a conversation: given, taken, passed on and given back, with a history that says why."""

from sqlalchemy import func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import aliased

from protos import messaging_pb2 as pb
from services.kit import pages
from services.kit.actor import Actor
from services.kit.clock import now
from services.kit.db import Database, Row, Session
from services.kit.errors import Forbidden, Invalid
from services.kit.outbox import emit
from services.kit.pb import columns, fill
from services.kit.tables import new_id
from services.messaging import conversations, turns
from services.messaging.inbox_models import Assignment, Person
from services.messaging.models import Contact, Conversation, Message
from services.messaging.visibility import ConversationNotFound, visible
from services.messaging.words import vector

FROM, TO, BY = aliased(Person), aliased(Person), aliased(Person)
HISTORY = (
    select(
        *columns(pb.Assignment, Assignment),
        FROM.full_name.label("assigned_from_name"),
        TO.full_name.label("assigned_to_name"),
        BY.full_name.label("assigned_by_name"),
    )
    .join(FROM, FROM.id == Assignment.assigned_from, isouter=True)
    .join(TO, TO.id == Assignment.assigned_to, isouter=True)
    .join(BY, BY.id == Assignment.assigned_by, isouter=True)
    .order_by(Assignment.id.desc())
)

HELD = (
    select(Conversation.id, Conversation.instance_id, Conversation.assigned_to, Contact.remote_jid)
    .join(Contact, Contact.id == Conversation.contact_id)
    .with_for_update(of=Conversation)
)
BATCH = 50
GONE = "não atende mais"


class NotYours(Forbidden):
    """Agents take conversations from the queue, and give back their own."""


class AssigneeNotFound(Invalid):
    """Assignee not found or inactive"""

    code = "assignee_not_found"


async def assign(
    session: Session, actor: Actor, request: pb.AssignConversationRequest
) -> pb.ConversationResponse:
    if not actor.is_service and not request.update_mask.paths:
        raise Invalid("assignedTo is required", fields={"assignedTo": "is required"})
    await give(session, actor, request.id, request.assigned_to or None, request.reason or None)
    return pb.ConversationResponse(
        success=True, conversation=await conversations.header(session, actor, request.id)
    )


async def give(session: Session, actor: Actor, id: str, to: str | None, reason: str | None) -> None:
    """Repeating it changes nothing."""
    row = await session.first(HELD.where(Conversation.id == id, visible(actor)))
    if row is None:
        raise ConversationNotFound
    if not actor.leads and (to not in (None, actor.id) or row.assigned_to not in (None, actor.id)):
        raise NotYours
    if row.assigned_to == to:
        return
    if to is not None and to not in await turns.able_to_attend(session, [to]):
        raise AssigneeNotFound(fields={"assignedTo": "does not exist or is inactive"})
    await hand_over(session, row, to, by=actor.id or None, by_name=actor.id or actor.service, reason=reason)


async def release_all(db: Database, person: str) -> None:
    """Everything open that somebody attends, back to the queue, a few at a time."""
    theirs = HELD.where(Conversation.assigned_to == person, Conversation.status == "active").limit(BATCH)
    while True:
        async with db.begin() as session:
            rows = await session.all(theirs)
            for row in rows:
                await hand_over(session, row, None, by=None, by_name="messaging", reason=GONE)
        if len(rows) < BATCH:
            return


async def hand_over(
    session: Session, row: Row, to: str | None, *, by: str | None, by_name: str, reason: str | None
) -> None:
    """Written, noted for colleagues in the thread, and announced. `row` is locked."""
    await session.run(update(Conversation).where(Conversation.id == row.id).values(assigned_to=to))
    await session.run(
        insert(Assignment).values(
            conversation_id=row.id,
            assigned_from=row.assigned_to,
            assigned_to=to,
            assigned_by=by,
            reason=reason,
        )
    )
    await _note(session, row, await _sentence(session, row.assigned_to, to, by, reason))
    await emit(
        session,
        pb.ConversationAssigned(
            conversation_id=row.id,
            assigned_from=row.assigned_to,
            assigned_to=to,
            assigned_by=by_name,
            reason=reason,
        ),
    )


async def _sentence(
    session: Session, before: str | None, after: str | None, by: str | None, reason: str | None
) -> str:
    ids = [id for id in (before, after, by) if id]
    rows = await session.all(select(Person.id, Person.full_name).where(Person.id.in_(ids)))
    names = {row.id: row.full_name for row in rows}
    known = [names.get(id or "", "alguém") for id in (before, after, by)]
    if after is None:
        said = f"Conversa devolvida à fila por {known[2]}"
    elif before is None:
        said = f"Conversa atribuída a {known[1]}"
    else:
        said = f"Conversa transferida de {known[0]} para {known[1]}"
    return f"{said}: {reason}" if reason else said


async def _note(session: Session, row: Row, content: str) -> None:
    """In the thread, for those who may read internal messages; never the last message of the inbox."""
    id = new_id()
    await session.run(
        insert(Message).values(
            id=id,
            conversation_id=row.id,
            instance_id=row.instance_id,
            message_id=f"local:{id}",
            remote_jid=row.remote_jid,
            content=content,
            words=vector(content),
            message_type="system",
            origin="system",
            is_from_me=True,
            is_internal=True,
            status="sent",
            timestamp=now(),
        )
    )


async def list_assignments(
    session: Session, actor: Actor, request: pb.ListAssignmentsRequest
) -> pb.ListAssignmentsResponse:
    await conversations.require(session, actor, request.id)
    page = pages.read(request)
    statement = HISTORY.where(Assignment.conversation_id == request.id)
    statement = statement.limit(page.fetch).offset(page.offset)
    if page.after:
        statement = statement.where(tuple_(Assignment.id) < pages.place(page, Assignment.id))
    total = None
    if page.wants_total:
        total = await session.scalar(select(func.count()).where(Assignment.conversation_id == request.id))
    rows, pagination = pages.cut(page, await session.all(statement), lambda row: (row.id,), total)
    return pb.ListAssignmentsResponse(
        assignments=[fill(pb.Assignment, row) for row in rows], pagination=pagination
    )
