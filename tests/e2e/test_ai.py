"""The AI's routes over the wire, without a key: their shapes, and what is refused with its mend."""

from typing import Any

import pytest

from services.kit.tables import new_id
from tests.e2e.conftest import Office

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
async def conversation(office: Office) -> str:
    """A customer who has complained at some length to a person."""
    customer = f"55119{int(new_id()[-8:], 16) % 100_000_000:08d}"
    conversation = await office.greet(customer, "human")
    for text in (
        "O guarda-chuva quebrou no primeiro uso",
        "Péssima qualidade",
        "Quero meu dinheiro de volta",
    ):
        office.simulator.say(customer, text, instance=office.instance)
        await office.simulator.settled()
    return conversation


async def test_a_feeling_a_topic_and_a_summary_come_without_a_key(office: Office, conversation: str) -> None:
    felt = await office.call("POST", "/api/whatsapp/sentiment/analyze", {"conversationId": conversation})
    filed = await office.call("POST", f"/api/whatsapp/conversations/{conversation}/categorize", {})
    told = await office.call("POST", f"/api/whatsapp/conversations/{conversation}/summary")

    assert (felt["success"], felt["analysis"]["sentiment"]) == (True, "negative")
    assert felt["analysis"]["confidence"] == felt["analysis"]["confidenceScore"]
    assert (filed["source"], filed["topics"][0]) == ("ai", filed["primaryTopic"])
    assert isinstance(told["summary"], str)
    assert (told["degraded"], told["method"]) == (True, "extractive")


async def test_suggestions_come_without_a_key(office: Office, conversation: str) -> None:
    told = await office.call("POST", "/api/ai/suggest-replies", {"conversationId": conversation})

    assert [set(one) for one in told["suggestions"]] == [{"text", "tone"}] * 3
    assert told["context"]["lastMessage"] == "Quero meu dinheiro de volta"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/ai/compose-message", {"intent": "agradecer"}),
        ("/api/ai/learn", {"action": "analyze"}),
        ("/api/knowledge/extract", {}),
    ],
)
async def test_what_needs_a_model_says_how_to_get_one(
    office: Office, conversation: str, path: str, body: dict[str, Any]
) -> None:
    if path == "/api/knowledge/extract":
        await office.call(
            "POST", "/api/whatsapp/messages/send", {"conversationId": conversation, "content": "Sinto muito."}
        )

    problem = await office.call("POST", path, {"conversationId": conversation, **body}, expect=503)

    assert problem["code"] == "ai_not_configured"
    assert "GROQ_API_KEY" in problem["mend"]


async def test_templates_are_made_changed_and_removed(office: Office) -> None:
    made = await office.call(
        "POST", "/api/ai/templates", {"name": "Saudação", "templateContent": "Olá!"}, expect=201
    )
    path = f"/api/ai/templates/{made['template']['id']}"

    changed = await office.call("PUT", path, {"priority": 9})
    await office.call("DELETE", path)

    assert (changed["template"]["priority"], changed["template"]["templateContent"]) == (9, "Olá!")
    await office.call("PUT", path, {"priority": 1}, expect=404)


async def test_the_status_names_every_capability(office: Office) -> None:
    told = await office.call("GET", "/api/ai/status")

    assert told["provider"] == "local"
    assert {"respond", "sentiment", "bant", "compose"} <= {one["name"] for one in told["capabilities"]}
