"""What people think of the AI agent's answers, and what it learns from that."""

from typing import Any

from sqlalchemy.dialects.postgresql import insert

from protos import intelligence_pb2 as pb
from services.intelligence import conversations, examples, learning, threads
from services.intelligence.learning_models import Feedback
from services.kit.actor import Actor
from services.kit.clock import now
from services.kit.db import Database, Row, Session
from services.kit.errors import Forbidden, Invalid, NotFound
from services.kit.outbox import emit


class NothingToLearn(Invalid):
    """rating, feedback, feedbackType or correctedResponse is required"""

    code = "validation_error"


class ConversationNeeded(Invalid):
    """conversationId is required"""

    code = "validation_error"


class MessageNeeded(Invalid):
    """messageId is required"""

    code = "validation_error"


class AnswerNotFound(NotFound):
    """AI answer not found"""


class MessageNotFound(NotFound):
    """Message not found"""


class NothingPrecedes(Invalid):
    """No customer message precedes this one"""


BY_RATING = {5: "perfect", 4: "helpful", 3: "incomplete", 2: "incorrect", 1: "incorrect"}
GOOD = 4
CORRECTION = 0.9
SEARCHED = 200  # messages of a conversation in which a good answer is looked for
ANSWER = """
    select id, input_message, ai_response, reply_message_id, action from ai_agent_logs
    where conversation_id = %(conversation)s and
        (id = %(log)s::uuid or (%(log)s::uuid is null and reply_message_id = %(message)s::uuid))
    order by created_at desc limit 1
"""
LEARNED = "update ai_response_feedback set learned_at = %(at)s where id = %(id)s"
FORGET = """
    delete from learning_examples
    where conversation_id = %(conversation)s and marked_as_good_by = %(by)s
      and (message_id = %(message)s::uuid or input_context = %(input)s)
"""


async def learn(db: Database, actor: Actor, request: pb.LearnRequest) -> pb.LearnResponse:
    action = request.action or "feedback"
    if action in learning.ACTIONS:
        if not actor.leads:
            raise Forbidden
        return await learning.ACTIONS[action](db, actor, request)
    if not request.conversation_id:
        raise ConversationNeeded
    return await (mark_good(db, actor, request) if action == "mark_good" else give(db, actor, request))


async def give(db: Database, actor: Actor, request: pb.LearnRequest) -> pb.LearnResponse:
    """A judgement; a correction or a good mark also becomes an example. Judging again replaces."""
    if not (
        request.HasField("rating") or request.feedback or request.feedback_type or request.corrected_response
    ):
        raise NothingToLearn
    context = await conversations.read(request.conversation_id, 0)
    sector = request.sector_id or conversations.sector(context)
    async with db.begin() as session:
        answer = await _answer(session, request)
        kind = request.feedback_type or _kind(request)
        id = await _store(session, actor, request, answer, kind)
        await emit(
            session,
            pb.FeedbackRecorded(
                conversation_id=request.conversation_id,
                feedback_id=id,
                rating=request.rating if request.HasField("rating") else None,
                feedback_type=kind,
                given_by=actor.id,
            ),
        )
        example = await _example(session, actor, request, answer, sector)
        if example:
            await session.run(LEARNED, id=id, at=now())
    return pb.LearnResponse(
        success=True,
        message="Feedback recorded",
        feedback_id=id,
        learning_example_id=example.id if example else None,
    )


async def mark_good(db: Database, actor: Actor, request: pb.LearnRequest) -> pb.LearnResponse:
    """This answer, with the customer message before it, is one to learn from."""
    if not request.message_id:
        raise MessageNeeded
    context = await conversations.read(request.conversation_id, SEARCHED)
    messages = [*context.messages]
    place = next((n for n, one in enumerate(messages) if one.id == request.message_id), None)
    if place is None or threads.by_customer(messages[place]):
        raise MessageNotFound
    before = threads.last_customer_message(messages[:place])
    if before is None:
        raise NothingPrecedes
    async with db.begin() as session:
        example = await examples.add(
            session,
            conversation_id=request.conversation_id,
            message_id=request.message_id,
            input_context=threads.text_of(before),
            ideal_response=threads.text_of(messages[place]),
            scenario_type="manual",
            quality_score=1.0,
            marked_as_good_by=actor.id or None,
            marked_at=now(),
            sector_id=request.sector_id or conversations.sector(context),
        )
        example = example or await examples.of_message(session, request.message_id)
    return pb.LearnResponse(success=True, example=example, learning_example_id=example.id)


def _kind(request: pb.LearnRequest) -> str | None:
    """Who corrects an answer finds it wrong; a comment alone says neither."""
    return BY_RATING.get(request.rating) or ("incorrect" if request.corrected_response else None)


async def _answer(session: Session, request: pb.LearnRequest) -> Row | None:
    """The answer that is judged. Named but unknown is refused; not named is fine."""
    if not request.log_id and not request.message_id:
        return None
    row = await session.first(
        ANSWER,
        conversation=request.conversation_id,
        log=request.log_id or None,
        message=request.message_id or None,
    )
    if row is None and request.log_id:
        raise AnswerNotFound
    return row


async def _store(
    session: Session, actor: Actor, request: pb.LearnRequest, answer: Row | None, kind: str | None
) -> str:
    given: dict[str, Any] = {
        "conversation_id": request.conversation_id,
        "message_id": request.message_id or (answer.reply_message_id if answer else None),
        "rating": request.rating if request.HasField("rating") else None,
        "feedback_type": kind,
        "comment": request.feedback or None,
        "corrected_response": request.corrected_response or None,
        "correction_reason": request.correction_reason or None,
    }
    new = insert(Feedback).values(log_id=answer.id if answer else None, given_by=actor.id, **given)
    again = new.on_conflict_do_update(
        index_elements=["log_id", "given_by"],
        index_where=Feedback.log_id.is_not(None),
        set_=given | {"updated_at": now()},
    )
    row = await session.first(again.returning(Feedback.id))
    assert row is not None
    return str(row.id)


async def _example(
    session: Session, actor: Actor, request: pb.LearnRequest, answer: Row | None, sector: str | None
) -> pb.Example | None:
    """What this judgement teaches, instead of what this person's last one did."""
    if answer is None or not answer.input_message:
        return None
    await session.run(
        FORGET,
        conversation=request.conversation_id,
        by=actor.id,
        message=answer.reply_message_id,
        input=answer.input_message,
    )
    common: dict[str, Any] = {
        "conversation_id": request.conversation_id,
        "message_id": answer.reply_message_id,
        "input_context": answer.input_message,
        "sector_id": sector,
        "marked_as_good_by": actor.id,
        "marked_at": now(),
    }
    if request.corrected_response:
        return await examples.add(
            session,
            **common,
            ideal_response=request.corrected_response,
            scenario_type="correction",
            quality_score=CORRECTION,
            tags=["from_feedback", "ai_correction"],
            notes=request.correction_reason or None,
        )
    if request.rating >= GOOD and answer.ai_response:
        return await examples.add(
            session,
            **common,
            ideal_response=answer.ai_response,
            scenario_type="manual",
            quality_score=request.rating / 5,
        )
    return None
