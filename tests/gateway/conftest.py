"""One house of services for this folder, and one front before it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from deploy.local.infrastructure import Addresses
from protos import identity_pb2 as pb
from protos.identity_pb2_grpc import IdentityStub
from services.kit import context
from services.kit.peers import connect
from tests.gateway import house as houses
from tests.gateway.house import Front, House


@dataclass
class Staff:
    """A token of each role."""

    admin: str
    supervisor: str
    agent: str


@pytest.fixture(scope="session")
async def house(addresses: Addresses, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with houses.built(addresses, tmp_path_factory.mktemp("house")) as house:
        yield house


@pytest.fixture(scope="session")
async def front(house: House) -> AsyncIterator[Front]:
    async with houses.opened(house, RATE_LIMIT_REQUESTS="1000000") as front:
        yield front


@pytest.fixture(scope="session")
async def staff(house: House, front: Front) -> Staff:
    admin = await front.join()
    assert admin["user"]["role"] == "admin"
    tokens = {"admin": str(admin["accessToken"]), "agent": str((await front.join())["accessToken"])}
    boss = await front.join()
    await change_role(house, tokens["admin"], boss["user"]["id"], "supervisor")
    login = {"email": boss["user"]["email"], "password": houses.PASSWORD}
    answer = await front.call("POST", "/api/auth/login", login)
    return Staff(**tokens, supervisor=str(answer.json()["accessToken"]))


async def change_role(house: House, token: str, user: str, role: str) -> None:
    peer = house.peer("identity")
    context.enter(context.Context(token=token))
    await connect(IdentityStub, peer).ChangeRole(pb.ChangeRoleRequest(user_id=user, role=role))
    context.enter(context.Context())
    await peer.close()
