"""What became of a turn: as it is logged, announced, and shown to whoever asked."""

from protos import intelligence_pb2 as pb
from services.intelligence import conversations, drafts, logs, privacy
from services.intelligence.drafts import Draft
from services.intelligence.turns import Turn
from services.kit.clock import now


def skipped(reason: str, log_id: str | None = None) -> pb.RespondResponse:
    return pb.RespondResponse(skipped=True, reason=reason, log_id=log_id)


def shown(turn: Turn, draft: Draft, log_id: str) -> pb.RespondResponse:
    return pb.RespondResponse(
        success=True,
        response=draft.text,
        should_send=False,
        sent=False,
        conversation_mode=turn.mode,
        confidence=draft.confidence,
        intent=draft.intent,
        used_knowledge=draft.used,
        escalation_recommended=False,
        outside_hours=False,
        log_id=log_id,
        provider=draft.provider,
        model=draft.model,
        degraded=draft.degraded,
        tokens_used=draft.tokens,
        response_time_ms=_elapsed(turn),
    )


def entry(
    turn: Turn,
    action: str,
    draft: Draft | None = None,
    *,
    session_id: str | None = None,
    reason: str | None = None,
    keyword: str | None = None,
    is_preview: bool = False,
) -> logs.Entry:
    return logs.Entry(
        conversation_id=turn.conversation_id,
        message_id=turn.target.id if turn.target else None,
        action=action,
        session_id=session_id or (turn.session.id if turn.session else None),
        input_message=turn.question if turn.target else None,
        reason=reason,
        keyword=keyword,
        is_preview=is_preview,
        response_time_ms=_elapsed(turn),
        **(drafts.recorded(draft) if draft else {}),
    )


def generated(turn: Turn, draft: Draft, log_id: str, *, should_send: bool) -> pb.ResponseGenerated:
    return pb.ResponseGenerated(
        conversation_id=turn.conversation_id,
        log_id=log_id,
        should_send=should_send,
        confidence=draft.confidence,
        response=draft.text,
    )


def gaps(turn: Turn, draft: Draft) -> list[pb.KnowledgeGapDetected]:
    """The question, where no entry answers it and the agent is unsure too."""
    if not draft.is_gap or draft.confidence >= turn.agent.confidence_threshold:
        return []
    gap = pb.KnowledgeGapDetected(
        conversation_id=turn.conversation_id,
        message_id=turn.message_id,
        question=privacy.masked(turn.question)[:500],
        sector_id=conversations.sector(turn.thread),
    )
    return [gap]


def _elapsed(turn: Turn) -> int:
    return round((now() - turn.started).total_seconds() * 1000)
