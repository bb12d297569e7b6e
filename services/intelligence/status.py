"""Which capability is served by whom, and how to mend what is not."""

from protos import intelligence_pb2 as pb
from services.intelligence import llm
from services.kit.actor import Actor
from services.kit.db import Database

SERVED_LOCALLY = ("respond",)
CAPABILITIES = (*SERVED_LOCALLY,)


async def get(db: Database, actor: Actor, request: pb.GetStatusRequest) -> pb.GetStatusResponse:
    return pb.GetStatusResponse(
        provider=llm.provider.name, capabilities=[_capability(name) for name in CAPABILITIES]
    )


def _capability(name: str) -> pb.Capability:
    if llm.is_configured():
        return pb.Capability(name=name, provider=llm.provider.name, available=True)
    if llm.provider.name == "local" and name in SERVED_LOCALLY:
        return pb.Capability(name=name, provider="local", available=True)
    return pb.Capability(name=name, provider=llm.provider.name, available=False, mend=llm.MEND)
