"""The knowledge service: `python -m services.knowledge`."""

from protos.knowledge_pb2_grpc import add_KnowledgeServicer_to_server
from services.kit import service
from services.kit.settings import ServiceSettings
from services.knowledge.rpc import Knowledge
from services.knowledge.subscriptions import SUBSCRIPTIONS


def main() -> None:
    service.run(
        service.Service(
            name="knowledge",
            settings=ServiceSettings,
            door=Knowledge,
            register=add_KnowledgeServicer_to_server,
            subscriptions=SUBSCRIPTIONS,
        )
    )


if __name__ == "__main__":
    main()
