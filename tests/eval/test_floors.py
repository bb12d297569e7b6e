"""The local provider is good enough to ship, on texts that it has not seen; and the README says how good."""

import json
from difflib import get_close_matches
from pathlib import Path

import pytest

from services.intelligence import classifiers, llm
from services.intelligence.settings import IntelligenceSettings
from services.intelligence.threads import fold
from services.kit.db import Database
from tests.eval import scores
from tests.eval.scores import SETS, Bench, Score
from tests.fakes import groq as fake
from tests.intelligence.desk import neighbours

ROOT = Path(__file__).parents[2]
TRAINED_ON = ("services/intelligence/data/*.txt", "services/knowledge/data/*")


@pytest.fixture(scope="module")
async def found(databases: dict[str, Database]) -> list[Score]:
    async with databases["knowledge"].begin() as session:
        await session.run("truncate knowledge_base")
    async with neighbours(databases) as desk:
        llm.open_provider(IntelligenceSettings(ai_provider="local"))
        return await scores.measure(Bench(databases, desk))


async def test_the_local_provider_keeps_to_its_floors(found: list[Score]) -> None:
    below = [score for score in found if score.share < score.floor]

    assert not below


async def test_the_readme_shows_what_the_command_prints(found: list[Score]) -> None:
    assert scores.table({"local": found}) in (ROOT / "README.md").read_text()


def test_there_are_enough_texts_and_none_resembles_what_was_trained_on() -> None:
    held_out = {fold(text) for text in texts()}

    seen = {fold(text) for pattern in TRAINED_ON for path in ROOT.glob(pattern) for text in lines(path)}

    assert len(held_out) >= 150
    assert not [text for text in held_out if get_close_matches(text, seen, n=1, cutoff=0.85)]


async def test_another_provider_is_measured_with_the_same_texts(databases: dict[str, Database]) -> None:
    async with neighbours(databases) as desk, fake.simulate() as groq:
        llm.open_provider(
            IntelligenceSettings(ai_provider="groq", groq_api_key=fake.KEY, groq_base_url=groq.url)
        )
        groq.always = {"sentiment": "neutral", "confidence": 0.9, "summary": "", "reasoning": ""}

        (score,) = await scores.feelings(Bench(databases, desk))

    assert (score.right, score.items) == (30, 90)
    assert len(groq.calls) == 90


def texts() -> list[str]:
    labelled = [text for path in SETS.glob("*.txt") for text, _ in classifiers.examples(path)]
    asked = [text for base in scores.bases() for text in [*dict(base["asks"]), *base["outside"]]]
    said = [
        text
        for line in (SETS / "bant.jsonl").read_text().splitlines()
        for text in json.loads(line)["messages"]
    ]
    return [text.partition("\t")[0] for text in [*labelled, *asked, *said]]


def lines(path: Path) -> list[str]:
    """The texts of a training set, of whichever kind."""
    if path.suffix == ".json":
        bases = json.loads(path.read_text())
        return [text for base in bases for text in [*(one for one, _ in base["asks"]), *base["outside"]]]
    return path.read_text().splitlines() if path.suffix == ".txt" else []
