"""Qualification of a lead: the score, and what it changes."""

import orjson
import pytest

from protos import sales_pb2 as pb
from protos.intelligence_pb2 import AnalyzeBantResponse
from services.kit.actor import service
from services.kit.db import Database
from services.kit.tables import new_id
from services.sales import changes, leads
from services.sales.leads import LeadNotFound
from tests.sales.builders import changing, convinced, detail, last_told, qualify, said, talking, told
from tests.sales.neighbours import Neighbours
from tests.support import ADMIN, JOAO, MARIA


async def test_a_convincing_conversation_qualifies_its_lead(db: Database, neighbours: Neighbours) -> None:
    words = said("Sou a dona, tenho 9 mil e preciso hoje")
    created = await talking(db, neighbours, words)
    neighbours.analysis = convinced(words)

    reply = await qualify(db, created.id)

    found = reply.qualification
    assert (found.lead_score, found.overall_score, found.previous_score, found.score_change) == (
        100,
        10,
        0,
        100,
    )
    assert (found.budget_score, found.authority_score, found.need_score, found.timeline_score) == (
        10,
        10,
        10,
        10,
    )
    assert (found.recommendation, found.overall_intent, found.suggested_value) == (
        "qualified",
        "purchase",
        9000,
    )
    assert (reply.provider, reply.model, reply.degraded) == ("groq", "a-model", False)
    after = reply.lead
    assert (after.status, after.qualified_by, after.lead_score) == ("qualified", "ai", 100)
    assert (after.score_level, after.qualification_score) == ("qualified", 10)
    assert (after.value, after.probability) == (9000, 100)
    assert after.HasField("qualified_at")
    assert after.HasField("last_qualification_at")
    assert orjson.loads(after.bant)["budget"]["evidence"] == [
        {"source": "message", "id": words.id, "quote": words.content}
    ]
    assert orjson.loads(after.qualification_data)["recommendedAction"] == "qualify"


async def test_a_qualification_is_written_down_everywhere(db: Database, neighbours: Neighbours) -> None:
    words = said("Sou a dona e preciso hoje")
    created = await talking(db, neighbours, words)
    neighbours.analysis = convinced(words)

    await qualify(db, created.id, trigger_source="ai_response")

    after = await detail(db, created.id)
    (kept,) = after.qualification_logs
    assert (kept.new_score, kept.score_change, kept.trigger_source) == (100, 100, "ai_response")
    assert (kept.model_used, kept.tokens_used, kept.ai_reasoning) == ("a-model", 321, "Quer comprar já.")
    assert not kept.HasField("previous_score")
    assert kept.conversation_id == created.conversation_id
    assert [activity.type for activity in after.activities] == ["status_change", "qualification", "created"]
    assert after.activities[1].outcome == "Quer comprar já."
    assert (after.history[0].old_status, after.history[0].new_status) == ("new", "qualified")
    async with db.read() as session:
        assert await told(session, created.id) == ["LeadCreated", "LeadStatusChanged", "LeadQualified"]
        event = await last_told(session, created.id, pb.LeadQualified)
    assert (event.lead_score, event.previous_score, event.overall_intent) == (100, 0, "purchase")


@pytest.mark.parametrize("status", ["proposal", "negotiation", "won", "lost"])
async def test_a_score_pulls_no_lead_back(db: Database, neighbours: Neighbours, status: str) -> None:
    words = said("Sou a dona e preciso hoje")
    created = await talking(db, neighbours, words, status=status)
    neighbours.analysis = convinced(words)

    after = (await qualify(db, created.id)).lead

    assert (after.status, after.qualified_by) == (status, "ai")


async def test_a_bad_score_loses_no_lead(db: Database, neighbours: Neighbours) -> None:
    created = await talking(db, neighbours, said("Bom dia"), status="contacted")

    reply = await qualify(db, created.id)

    assert (reply.qualification.recommendation, reply.lead.status) == ("disqualify", "contacted")


async def test_who_qualified_a_lead_first_stays(db: Database, neighbours: Neighbours) -> None:
    words = said("Sou a dona e preciso hoje")
    created = await talking(db, neighbours, words)
    await changes.update(db, MARIA, changing(created.id, status="qualified"))
    await changes.update(db, MARIA, changing(created.id, status="contacted"))
    neighbours.analysis = convinced(words)

    after = (await qualify(db, created.id)).lead

    assert (after.qualified_by, after.status) == (MARIA.id, "contacted")


async def test_a_value_is_raised_and_never_lowered(db: Database, neighbours: Neighbours) -> None:
    words = said("Sou a dona e preciso hoje")
    created = await talking(db, neighbours, words, value=20000, probability=15)
    neighbours.analysis = convinced(words)

    after = (await qualify(db, created.id)).lead

    assert (after.value, after.probability) == (20000, 15)


@pytest.mark.parametrize("amount", [99_999_999_999_999.0, float("inf"), float("nan"), -5.0])
async def test_a_value_that_no_lead_can_have_is_not_believed(
    db: Database, neighbours: Neighbours, amount: float
) -> None:
    words = said("Sou a dona e preciso hoje")
    created = await talking(db, neighbours, words, value=100)
    neighbours.analysis = convinced(words, suggested_value=amount)

    reply = await qualify(db, created.id)

    assert (reply.lead.value, reply.lead.lead_score) == (100, 100)
    assert not reply.qualification.HasField("suggested_value")


async def test_a_lost_lead_becomes_no_likelier(db: Database, neighbours: Neighbours) -> None:
    words = said("Sou a dona e preciso hoje")
    created = await talking(db, neighbours, words, status="lost", probability=0)
    neighbours.analysis = convinced(words)

    after = (await qualify(db, created.id)).lead

    assert after.probability == 0


async def test_a_repeated_qualification_is_a_score_and_no_crossing(
    db: Database, neighbours: Neighbours
) -> None:
    words = said("Sou a dona e preciso hoje")
    created = await talking(db, neighbours, words)
    neighbours.analysis = convinced(words)
    await qualify(db, created.id)

    again = await qualify(db, created.id)

    assert (again.qualification.previous_score, again.qualification.score_change) == (100, 0)
    after = await detail(db, created.id)
    assert [entry.new_status for entry in after.history] == ["qualified", "new"]
    assert [kept.HasField("previous_score") for kept in after.qualification_logs] == [True, False]
    async with db.read() as session:
        assert (await told(session, created.id))[-2:] == ["LeadQualified", "LeadScored"]


async def test_a_sector_has_its_own_criteria(db: Database, neighbours: Neighbours) -> None:
    sector, words = new_id(), said("Sou a dona e preciso hoje")
    async with db.begin() as session:
        await session.run(
            "insert into lead_qualification_criteria (id, sector_id, budget_keywords, authority_keywords,"
            " need_keywords, timeline_keywords, budget_weight, authority_weight, need_weight,"
            " timeline_weight) values (%(id)s, %(sector)s, '{}', '{}', '{}', '{}', 100, 0, 0, 0)",
            id=new_id(),
            sector=sector,
        )
    created = await talking(db, neighbours, words, sector_id=sector)
    neighbours.analysis = AnalyzeBantResponse(need=convinced(words).need)

    reply = await qualify(db, created.id)

    assert reply.qualification.lead_score == 0


async def test_an_unknown_intent_is_other(db: Database, neighbours: Neighbours) -> None:
    words = said("Sou a dona e preciso hoje")
    created = await talking(db, neighbours, words)
    neighbours.analysis = convinced(words, overall_intent="comprar")

    reply = await qualify(db, created.id)

    assert reply.qualification.overall_intent == "other"


async def test_a_change_made_while_the_model_thought_is_not_lost(
    db: Database, neighbours: Neighbours
) -> None:
    words = said("Sou a dona e preciso hoje")
    created = await talking(db, neighbours, words)
    neighbours.analysis = convinced(words)

    async def send_a_proposal() -> None:
        await changes.update(db, MARIA, changing(created.id, status="proposal", value=50000))

    neighbours.meanwhile = send_a_proposal
    after = (await qualify(db, created.id)).lead

    assert (after.status, after.value, after.lead_score) == ("proposal", 50000, 100)


async def test_a_lead_deleted_while_the_model_thought_stays_deleted(
    db: Database, neighbours: Neighbours
) -> None:
    created = await talking(db, neighbours, said("Bom dia"))

    async def delete() -> None:
        async with db.begin() as session:
            await leads.delete(session, ADMIN, pb.DeleteLeadRequest(id=created.id))

    neighbours.meanwhile = delete
    with pytest.raises(LeadNotFound):
        await qualify(db, created.id)


async def test_a_colleagues_lead_cannot_be_qualified(db: Database, neighbours: Neighbours) -> None:
    created = await talking(db, neighbours, said("Bom dia"))

    with pytest.raises(LeadNotFound):
        await qualify(db, created.id, JOAO)

    assert neighbours.analyzed == []


async def test_a_service_qualifies_any_lead(db: Database, neighbours: Neighbours) -> None:
    created = await talking(db, neighbours, said("Bom dia"))

    reply = await qualify(db, created.id, service("intelligence"), trigger_source="ai_response")

    assert reply.success
    assert not (await detail(db, created.id)).activities[0].HasField("performed_by")
