"""The messaging service: `python -m services.messaging`."""

from protos.messaging_pb2_grpc import add_MessagingServicer_to_server
from services.kit import service
from services.messaging.jobs import JOBS
from services.messaging.rpc import Messaging
from services.messaging.settings import MessagingSettings
from services.messaging.subscriptions import SUBSCRIPTIONS


def main() -> None:
    service.run(
        service.Service(
            name="messaging",
            settings=MessagingSettings,
            door=Messaging,
            register=add_MessagingServicer_to_server,
            subscriptions=SUBSCRIPTIONS,
            jobs=JOBS,
        )
    )


if __name__ == "__main__":
    main()
