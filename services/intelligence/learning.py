"""Learning from many answers at once: from a conversation, from corrections, from what good answers share."""

from collections import Counter
from collections.abc import Awaitable, Callable

from protos import intelligence_pb2 as pb
from protos.messaging_pb2 import Message
from protos.sales_pb2 import FindLeadRequest
from services.intelligence import (
    capabilities,
    conversations,
    examples,
    outputs,
    peers,
    sentiment,
    tasks,
    threads,
)
from services.intelligence.providers import Answer
from services.kit.actor import Actor
from services.kit.clock import now
from services.kit.db import Database
from services.kit.errors import Invalid, Refusal
from services.kit.log import log


class ConversationNeeded(Invalid):
    """conversationId is required"""

    code = "validation_error"


MESSAGES = 100
LEAST_MESSAGES = 4
LEAST_EXAMPLES = 5
MOST_EXAMPLES = 50
SHOWN_EXAMPLES = 20
GOOD = 0.7
BATCH = 20

UNLEARNED = """
    select f.id, f.conversation_id, f.corrected_response, f.correction_reason, l.input_message,
        l.reply_message_id
    from ai_response_feedback f join ai_agent_logs l on l.id = f.log_id
    where f.feedback_type = 'incorrect' and f.corrected_response is not null and f.learned_at is null
      and l.input_message is not null
    order by f.created_at desc limit %(limit)s for update of f
"""
LEARNED = "update ai_response_feedback set learned_at = %(at)s where id = any(%(ids)s::uuid[])"
TAUGHT = "select ideal_response from learning_examples where conversation_id = %(conversation)s"
BEST = """
    select scenario_type, input_context, ideal_response from learning_examples
    where is_active and quality_score >= %(least)s
      and (%(sector)s::uuid is null or sector_id = %(sector)s::uuid)
    order by quality_score desc, created_at desc limit %(limit)s
"""


async def analyze(db: Database, actor: Actor, request: pb.LearnRequest) -> pb.LearnResponse:
    """Good answers of people in one conversation; what the model did not find there is not believed."""
    if not request.conversation_id:
        raise ConversationNeeded
    context = await conversations.read(request.conversation_id, MESSAGES)
    messages = conversations.worded(context)
    if len(messages) < LEAST_MESSAGES:
        return pb.LearnResponse(success=False, reason="insufficient_messages")

    async def by_model() -> tuple[outputs.Lessons, Answer]:
        ask = tasks.ask(
            "learn_analyze",
            tasks.ANALYZE,
            conversations.transcript(messages),
            temperature=0.3,
            max_tokens=1500,
            kind=outputs.Lessons,
            conversation_id=request.conversation_id,
        )
        return await outputs.ask_for(db, outputs.Lessons, ask)

    lessons, answer = await capabilities.served("learn_analyze", by_model)
    saved = 0
    if lessons.overall_quality >= GOOD:
        feeling = await sentiment.current(db, request.conversation_id)
        converted = await _has_converted(request.conversation_id)
        async with db.begin() as session:
            taught = await session.all(TAUGHT, conversation=request.conversation_id)
            known = {threads.fold(row.ideal_response) for row in taught}
            for one in lessons.examples[:5]:
                said = threads.fold(one.ideal_response)
                if said in known or not _was_said(said, messages):
                    continue
                known.add(said)
                await examples.add(
                    session,
                    conversation_id=request.conversation_id,
                    input_context=one.input_context[:4096],
                    ideal_response=one.ideal_response[:4096],
                    scenario_type=one.scenario_type,
                    tags=[tag[:50] for tag in one.tags[:20]],
                    quality_score=one.quality_score,
                    lead_converted=converted,
                    customer_satisfied=feeling is not None and feeling.sentiment == "positive",
                    sector_id=request.sector_id or conversations.sector(context),
                )
                saved += 1
    return pb.LearnResponse(
        success=True,
        examples_saved=saved,
        key_techniques=lessons.key_techniques[:10],
        overall_quality=lessons.overall_quality,
        model=answer.model,
    )


async def from_feedback(db: Database, actor: Actor, request: pb.LearnRequest) -> pb.LearnResponse:
    """Corrections that have not become examples yet, each once."""
    learned = 0
    async with db.begin() as session:
        rows = await session.all(UNLEARNED, limit=BATCH)
        for row in rows:
            example = await examples.add(
                session,
                conversation_id=row.conversation_id,
                message_id=row.reply_message_id,
                input_context=row.input_message,
                ideal_response=row.corrected_response,
                scenario_type="correction",
                quality_score=0.9,
                tags=["from_feedback", "ai_correction"],
                notes=row.correction_reason,
                sector_id=request.sector_id or None,
            )
            learned += example is not None
        await session.run(LEARNED, ids=[row.id for row in rows], at=now())
    return pb.LearnResponse(success=True, learned_from=learned)


async def find_patterns(db: Database, actor: Actor, request: pb.LearnRequest) -> pb.LearnResponse:
    async with db.read() as session:
        rows = await session.all(BEST, least=GOOD, sector=request.sector_id or None, limit=MOST_EXAMPLES)
    if len(rows) < LEAST_EXAMPLES:
        return pb.LearnResponse(success=False, reason="insufficient_examples")
    shown = "\n\n".join(
        f"[{row.scenario_type}] Cliente: {' '.join(row.input_context.split())}\n"
        f"Resposta: {' '.join(row.ideal_response.split())}"
        for row in rows[:SHOWN_EXAMPLES]
    )

    async def by_model() -> tuple[outputs.Patterns, Answer]:
        ask = tasks.ask(
            "learn_patterns",
            tasks.PATTERNS,
            shown,
            temperature=0.3,
            max_tokens=1500,
            kind=outputs.Patterns,
        )
        return await outputs.ask_for(db, outputs.Patterns, ask)

    found, answer = await capabilities.served("learn_patterns", by_model)
    return pb.LearnResponse(
        success=True,
        patterns=[pb.Pattern(**one.model_dump()) for one in found.patterns[:10]],
        common_techniques=found.common_techniques[:10],
        suggested_templates=[
            pb.SuggestedTemplate(**one.model_dump()) for one in found.suggested_templates[:10]
        ],
        examples_analyzed=len(rows),
        by_scenario=Counter(row.scenario_type for row in rows),
        model=answer.model,
    )


async def _has_converted(conversation: str) -> bool:
    """Whether this conversation's lead was won or qualified; not known while sales is away."""
    try:
        found = await peers.sales.FindLead(FindLeadRequest(conversation_id=conversation), timeout=3.0)
    except Refusal as refusal:
        log.warning("lead_not_known", code=refusal.name)
        return False
    return found.lead.status in ("won", "qualified")


def _was_said(wanted: str, messages: list[Message]) -> bool:
    """By a person of ours, in these words."""
    return len(wanted) > 2 and any(
        wanted in threads.fold(message.content)
        for message in messages
        if message.origin in ("human", "phone")
    )


ACTIONS: dict[str, Callable[[Database, Actor, pb.LearnRequest], Awaitable[pb.LearnResponse]]] = {
    "analyze": analyze,
    "learn_from_feedback": from_feedback,
    "find_patterns": find_patterns,
}
