"""The intelligence service: `python -m services.intelligence`."""

from protos.intelligence_pb2_grpc import add_IntelligenceServicer_to_server
from services.intelligence import llm, peers
from services.intelligence.jobs import JOBS
from services.intelligence.rpc import Intelligence
from services.intelligence.settings import IntelligenceSettings
from services.intelligence.subscriptions import SUBSCRIPTIONS
from services.kit import service
from services.kit.db import Database
from services.kit.tokens import Callers


async def start(settings: IntelligenceSettings, _: Database, callers: Callers) -> None:
    peers.open_channels(settings, callers)
    llm.open_provider(settings)


def main() -> None:
    service.run(
        service.Service(
            name="intelligence",
            settings=IntelligenceSettings,
            door=Intelligence,
            register=add_IntelligenceServicer_to_server,
            subscriptions=SUBSCRIPTIONS,
            jobs=JOBS,
            start=start,
        )
    )


if __name__ == "__main__":
    main()
