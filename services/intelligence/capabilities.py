"""What the AI can do, who serves it, and what stands in when no model answers."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from protos import intelligence_pb2 as pb
from services.intelligence import llm
from services.kit.actor import Actor
from services.kit.db import Database
from services.kit.errors import Refusal
from services.kit.log import log

Result = TypeVar("Result")

# By each: who stands in without a model. None: it needs one.
STAND_INS = {
    "respond": "knowledge",
    "compose": None,
    "suggest_replies": "knowledge",
    "sentiment": "classifier",
    "categorize": "classifier",
    "summary": "extractive",
    "bant": "rules",
    "handoff": "structured",
    "scheduling": "rules",
    "learn_feedback": "database",
    "learn_analyze": None,
    "learn_patterns": None,
    "knowledge_search": "embeddings",
    "knowledge_extraction": None,
    "language": "classifier",
    "transcription": None,
}
ALWAYS_LOCAL = {"knowledge_search", "language", "learn_feedback"}
NOT_BUILT = {"transcription"}


async def served(
    name: str,
    by_model: Callable[[], Awaitable[Result]],
    stand_in: Callable[[], Awaitable[Result]] | None = None,
) -> Result:
    """The model's work; without one, or when it fails, what stands in; else the refusal."""
    if not llm.is_configured() and (stand_in is None or llm.provider.name == "off"):
        raise llm.AiNotConfigured(details={"capability": name, "mend": llm.MEND})
    if llm.is_configured():
        try:
            return await by_model()
        except Refusal as refusal:
            if stand_in is None:
                raise
            log.warning("ai_degraded", capability=name, code=refusal.name)
    assert stand_in is not None
    return await stand_in()


async def status(db: Database, actor: Actor, request: pb.GetStatusRequest) -> pb.GetStatusResponse:
    return pb.GetStatusResponse(
        provider=llm.provider.name, capabilities=[_capability(name) for name in STAND_INS]
    )


def _capability(name: str) -> pb.Capability:
    if name in NOT_BUILT:
        return pb.Capability(
            name=name, provider="off", available=False, mend="It is not part of this system yet."
        )
    if name in ALWAYS_LOCAL:
        return pb.Capability(name=name, provider="local", available=True)
    if llm.is_configured():
        return pb.Capability(name=name, provider=llm.provider.name, available=True)
    if llm.provider.name == "local" and STAND_INS[name]:
        return pb.Capability(name=name, provider="local", available=True)
    return pb.Capability(name=name, provider=llm.provider.name, available=False, mend=llm.MEND)
