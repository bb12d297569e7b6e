"""One house of services for this folder, and one front before it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from deploy.local.infrastructure import Addresses
from tests.gateway import house as houses
from tests.gateway import office as offices
from tests.gateway.house import Front, House
from tests.gateway.office import Office


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


@pytest.fixture
async def office(house: House) -> AsyncIterator[Office]:
    async with offices.opened(house) as office:
        yield office


@pytest.fixture(scope="session")
async def staff(house: House, front: Front) -> Staff:
    agent, boss = await front.join(), await front.join()
    path = f"/api/admin/change-role/{boss['user']['id']}"
    await front.call("POST", path, {"role": "supervisor"}, token=house.admin)
    login = {"email": boss["user"]["email"], "password": houses.PASSWORD}
    answer = await front.call("POST", "/api/auth/login", login)
    return Staff(house.admin, str(answer.json()["accessToken"]), str(agent["accessToken"]))
