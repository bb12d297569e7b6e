"""The messaging service: `python -m services.messaging`."""

from protos.messaging_pb2_grpc import add_MessagingServicer_to_server
from services.kit import service
from services.kit.db import Database
from services.kit.tokens import Callers
from services.messaging import files
from services.messaging.jobs import JOBS
from services.messaging.rpc import Messaging
from services.messaging.settings import MessagingSettings
from services.messaging.subscriptions import SUBSCRIPTIONS


async def start(_: MessagingSettings, __: Database, ___: Callers) -> None:
    await files.ensure_bucket()


def main() -> None:
    service.run(
        service.Service(
            name="messaging",
            settings=MessagingSettings,
            door=Messaging,
            register=add_MessagingServicer_to_server,
            subscriptions=SUBSCRIPTIONS,
            jobs=JOBS,
            start=start,
        )
    )


if __name__ == "__main__":
    main()
