"""The identity service: `python -m services.identity`."""

from protos.identity_pb2_grpc import add_IdentityServicer_to_server
from services.identity import keys
from services.identity.rpc import Identity
from services.identity.settings import IdentitySettings
from services.identity.subscriptions import SUBSCRIPTIONS
from services.kit import service
from services.kit.db import Database
from services.kit.tokens import Callers


async def start(_: IdentitySettings, db: Database, __: Callers) -> None:
    async with db.begin() as session:
        await keys.ensure(session)


def main() -> None:
    service.run(
        service.Service(
            name="identity",
            settings=IdentitySettings,
            door=Identity,
            register=add_IdentityServicer_to_server,
            subscriptions=SUBSCRIPTIONS,
            start=start,
            keys=keys.publish,
        )
    )


if __name__ == "__main__":
    main()
