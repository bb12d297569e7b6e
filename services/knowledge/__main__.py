"""The knowledge service: `python -m services.knowledge`."""

from protos.knowledge_pb2_grpc import add_KnowledgeServicer_to_server
from services.kit import service
from services.knowledge import peers
from services.knowledge.jobs import JOBS
from services.knowledge.rpc import Knowledge
from services.knowledge.settings import KnowledgeSettings
from services.knowledge.subscriptions import SUBSCRIPTIONS


def main() -> None:
    service.run(
        service.Service(
            name="knowledge",
            settings=KnowledgeSettings,
            door=Knowledge,
            register=add_KnowledgeServicer_to_server,
            subscriptions=SUBSCRIPTIONS,
            jobs=JOBS,
            start=peers.start,
        )
    )


if __name__ == "__main__":
    main()
