"""One customer message that the AI agent may answer, and the checks that decide whether it does."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from protos import intelligence_pb2 as pb
from protos.messaging_pb2 import ConversationContext, Message, MessageReceived
from services.intelligence import agents, conversations, hours, llm, merging, threads
from services.kit import clock
from services.kit.db import Database, Row
from services.kit.errors import NotFound

HISTORY = 20
SILENT = {"sticker", "reaction"}  # nothing that could be answered
SURE_OF_FEELING = 0.6

SESSION = "select * from ai_agent_sessions where conversation_id = %(conversation)s"
FEELING = """
    select sentiment, confidence_score, updated_at from sentiment_analyses
    where conversation_id = %(conversation)s
"""
RECORD = """
    select * from ai_agent_logs
    where conversation_id = %(conversation)s and message_id = %(message)s and not is_preview
      and (action in ('response_generated', 'response_sent', 'escalated') or reason = 'scheduling_intent')
    order by action = 'response_generated', created_at desc limit 1
"""


class MessageNotFound(NotFound):
    """Message not found"""


@dataclass(frozen=True)
class Turn:
    """`record` is what was already done or begun about the target, when this is not the first try."""

    thread: ConversationContext
    agent: pb.AgentConfig
    target: Message | None
    session: Row | None
    record: Row | None
    feeling: Row | None
    started: datetime

    @property
    def conversation_id(self) -> str:
        return self.thread.conversation.id

    @property
    def message_id(self) -> str:
        assert self.target is not None
        return self.target.id

    @property
    def mode(self) -> str:
        return self.thread.conversation.conversation_mode

    @property
    def burst(self) -> list[Message]:
        """What the customer sent since somebody last answered."""
        assert self.target is not None
        return threads.unanswered_until(self.thread.messages, self.target)

    @property
    def before(self) -> list[Message]:
        """What was said until then."""
        first = self.burst[0].id
        ids = [message.id for message in self.thread.messages]
        return [*self.thread.messages[: ids.index(first)]]

    @property
    def local_time(self) -> datetime:
        return self.started.astimezone(ZoneInfo(self.agent.working_timezone))

    @property
    def question(self) -> str:
        return "\n".join(threads.text_of(message) for message in self.burst)


async def load(db: Database, conversation: str, message: str | None) -> Turn:
    started = clock.now()
    return await _turn(db, await conversations.read(conversation, HISTORY), message, started)


async def heard(db: Database, event: MessageReceived) -> Turn:
    """Of a message that came in, whatever its conversation has become part of since."""
    started = clock.now()
    thread = await conversations.read(event.conversation_id, HISTORY, message=event.message_id)
    if thread.conversation.id != event.conversation_id:
        await merging.move(db, kept=thread.conversation.id, gone=event.conversation_id)
    return await _turn(db, thread, event.message_id, started)


async def _turn(db: Database, thread: ConversationContext, message: str | None, started: datetime) -> Turn:
    conversation = thread.conversation.id
    agent = await agents.current(db, conversations.sector(thread))
    target = _target(thread, message)
    async with db.read() as session:
        row = await session.first(SESSION, conversation=conversation)
        record = target and await session.first(RECORD, conversation=conversation, message=target.id)
        feeling = await session.first(FEELING, conversation=conversation)
    return Turn(thread, agent, target, row, record, feeling, started)


def _target(thread: ConversationContext, message: str | None) -> Message | None:
    if message is None:
        return threads.last_customer_message(thread.messages)
    found = next((one for one in thread.messages if one.id == message), None)
    if found is None:
        raise MessageNotFound
    return found


def skip_reason(turn: Turn) -> str | None:
    """Why the AI agent has nothing to say here, in the contract's order."""
    conversation = turn.thread.conversation
    if turn.mode == "human":
        return "human_mode"
    if conversation.is_group:
        return "group_conversation"
    if conversation.status != "active":
        return "conversation_closed"
    if not turn.agent.is_enabled or llm.provider.name == "off":
        return "agent_disabled"
    if turn.target is None or not threads.by_customer(turn.target) or turn.target.message_type in SILENT:
        return "no_client_message"
    if is_begun(turn):
        return None
    if turn.record is not None or threads.is_answered(turn.thread.messages, turn.target):
        return "already_answered"
    return None


def is_begun(turn: Turn) -> bool:
    """An answer was decided on, and the process ended before it was recorded as sent."""
    return turn.record is not None and turn.record.action == "response_generated"


def keyword(turn: Turn) -> str | None:
    return threads.keyword_in(turn.question, turn.agent.escalation_keywords)


def is_outside_hours(turn: Turn) -> bool:
    return not hours.is_open(turn.agent, turn.started)


def call_for_a_person(turn: Turn) -> str | None:
    """What asks for a person before anything is written."""
    if keyword(turn):
        return "keyword_match"
    if turn.session is not None and turn.session.auto_reply_count >= turn.agent.max_auto_replies:
        return "max_replies"
    if turn.agent.escalation_on_negative_sentiment and is_frustrated(turn):
        return "negative_sentiment"
    return "complexity" if insists_on_the_forbidden(turn) else None


def is_frustrated(turn: Turn) -> bool:
    """By an analysis that is newer than the last time a person gave the conversation back."""
    feeling = turn.feeling
    if feeling is None or feeling.sentiment != "negative" or feeling.confidence_score < SURE_OF_FEELING:
        return False
    given_back = turn.session.given_back_at if turn.session else None
    return given_back is None or feeling.updated_at > given_back


def insists_on_the_forbidden(turn: Turn) -> bool:
    said = [threads.text_of(one) for one in turn.thread.messages if threads.by_customer(one)]
    return sum(bool(threads.keyword_in(text, turn.agent.forbidden_topics)) for text in said) > 1


def waits_for_a_person(turn: Turn) -> bool:
    """It was escalated, and nobody has given it back to the AI since."""
    return turn.session is not None and turn.session.escalated_at is not None
