"""Intelligence among its neighbours: the real knowledge service, a desk of plain data, and a Groq of ours."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from services.intelligence import agents, llm
from services.intelligence.settings import IntelligenceSettings
from services.kit import clock
from services.kit.db import Database
from tests.fakes import groq as fake
from tests.fakes.groq import Groq
from tests.intelligence import desk as desks
from tests.intelligence.desk import Desk


@pytest.fixture(scope="session")
async def neighbours(databases: dict[str, Database]) -> AsyncIterator[Desk]:
    async with desks.neighbours(databases) as desk:
        yield desk


@pytest.fixture
async def desk(neighbours: Desk, databases: dict[str, Database]) -> Desk:
    """Nothing is known, learned or spent yet, whatever other tests left."""
    llm.open_provider(IntelligenceSettings(ai_provider="local"))
    async with databases["intelligence"].begin() as session:
        await session.run("truncate ai_limits, ai_calls, response_templates, learning_examples cascade")
    async with databases["knowledge"].begin() as session:
        await session.run("truncate knowledge_base")
    agents.forget()
    neighbours.reset()
    return neighbours


@pytest.fixture
async def groq(desk: Desk) -> AsyncIterator[Groq]:
    """The provider is Groq, and Groq is ours."""
    async with fake.simulate() as groq:
        llm.open_provider(
            IntelligenceSettings(
                ai_provider="groq",
                groq_api_key=fake.KEY,
                groq_base_url=groq.url,
                ai_timeout_s=4,
            )
        )
        yield groq


@pytest.fixture
def pass_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Put the clock forward by some seconds."""
    file = tmp_path / "clock"
    monkeypatch.setenv("CONVO_CLOCK_FILE", str(file))
    monkeypatch.setattr(clock, "_offset", 0.0)

    def put(seconds: float) -> None:
        file.write_text(str(seconds))
        monkeypatch.setattr(clock, "_checked", -1.0)

    return put
