"""The messaging service: `python -m services.messaging`."""

import sys

import uvloop

from protos.messaging_pb2_grpc import add_MessagingServicer_to_server
from services.kit import service
from services.kit.db import Database
from services.kit.settings import load
from services.kit.tokens import Callers
from services.messaging import files, instances, peers
from services.messaging.jobs import JOBS
from services.messaging.rpc import Messaging
from services.messaging.settings import MessagingSettings
from services.messaging.subscriptions import SUBSCRIPTIONS


async def start(settings: MessagingSettings, db: Database, callers: Callers) -> None:
    await peers.start(settings, db, callers)
    await files.ensure_bucket()


async def reseal_keys() -> None:
    """Everything that is sealed, under the current JWT_SECRET."""
    configured = load(MessagingSettings)
    db = Database(configured.database_url, schema="messaging", size=1)
    await db.open()
    async with db.begin() as session:
        await instances.reseal(session)
    await db.close()


def main() -> None:
    if sys.argv[1:] == ["keys", "reseal"]:
        uvloop.run(reseal_keys())
        return
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
