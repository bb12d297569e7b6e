"""The identity service: `python -m services.identity`."""

import sys

import uvloop

from protos.identity_pb2_grpc import add_IdentityServicer_to_server
from services.identity import config, keys, mail, peers
from services.identity.jobs import JOBS
from services.identity.rpc import Identity
from services.identity.settings import IdentitySettings
from services.identity.subscriptions import SUBSCRIPTIONS
from services.kit import service
from services.kit.db import Database
from services.kit.settings import load
from services.kit.tokens import Callers


async def start(configured: IdentitySettings, db: Database, callers: Callers) -> None:
    await peers.start(configured, db, callers)
    async with db.begin() as session:
        await keys.ensure(session)


async def manage_keys(action: str) -> None:
    """`rotate` makes a new signing key; `reseal` puts everything sealed under the current JWT_SECRET."""
    configured = load(IdentitySettings)
    db = Database(configured.database_url, schema="identity", size=1)
    await db.open()
    async with db.begin() as session:
        if action == "rotate":
            await keys.rotate(session)
        for module in (keys, config, mail):
            await module.reseal(session)
    await db.close()


def main() -> None:
    if sys.argv[1:] in (["keys", "rotate"], ["keys", "reseal"]):
        uvloop.run(manage_keys(sys.argv[2]))
        return
    service.run(
        service.Service(
            name="identity",
            settings=IdentitySettings,
            door=Identity,
            register=add_IdentityServicer_to_server,
            subscriptions=SUBSCRIPTIONS,
            jobs=JOBS,
            start=start,
            keys=keys.publish,
        )
    )


if __name__ == "__main__":
    main()
