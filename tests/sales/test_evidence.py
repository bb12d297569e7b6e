"""What a qualification reads, what it believes, and who judges while the model is away."""

import orjson
import pytest

from protos import sales_pb2 as pb
from protos.intelligence_pb2 import AnalyzeBantResponse, NeedFinding
from services.kit.db import Database
from services.kit.errors import Refusal, TooMany, Unavailable, Upstream
from services.kit.tables import new_id
from services.sales import activities, changes
from tests.sales.builders import changing, cited, convinced, detail, qualify, said, stored, talking
from tests.sales.neighbours import Neighbours
from tests.support import MARIA


async def test_the_model_reads_the_lead_the_conversation_and_what_people_noted(
    db: Database, neighbours: Neighbours
) -> None:
    spoken = said("", message_type="audio", audio_transcription="Quero um bolo")
    created = await talking(
        db,
        neighbours,
        spoken,
        said("Claro!", is_from_me=True),
        said("apagada", deleted_at="2026-11-23T12:01:00.000Z"),
        company="Estrela",
        notes="Paga à vista",
        tags=["vip"],
        value=100,
    )
    async with db.begin() as session:
        for n in range(12):
            request = pb.AddActivityRequest(id=created.id, type="note", description=f"nota {n}")
            await activities.add(session, MARIA, request)

    await qualify(db, created.id)

    (asked,) = neighbours.analyzed
    assert asked.conversation_id == created.conversation_id
    assert [(message.from_customer, message.text) for message in asked.messages] == [
        (True, "Quero um bolo"),
        (False, "Claro!"),
    ]
    assert [activity.description for activity in asked.activities] == [f"nota {n}" for n in range(2, 12)]
    assert (asked.lead.company, asked.lead.notes, asked.lead.value) == ("Estrela", "Paga à vista", 100)
    assert [*asked.lead.tags] == ["vip"]


async def test_the_model_reads_fifty_messages_at_most(db: Database, neighbours: Neighbours) -> None:
    created = await talking(db, neighbours, *(said(str(n)) for n in range(60)))

    await qualify(db, created.id)

    (asked,) = neighbours.analyzed
    assert [message.text for message in asked.messages] == [str(n) for n in range(10, 60)]


async def test_our_own_lines_are_not_read_again(db: Database, neighbours: Neighbours) -> None:
    words = said("Sou a dona e preciso hoje")
    created = await talking(db, neighbours, words)
    neighbours.analysis = convinced(words)
    await qualify(db, created.id)
    await changes.update(db, MARIA, changing(created.id, value=99999))

    await qualify(db, created.id)

    assert [*neighbours.analyzed[-1].activities] == []


async def test_invented_words_make_no_score_and_are_kept_for_review(
    db: Database, neighbours: Neighbours
) -> None:
    words = said("Bom dia")
    created = await talking(db, neighbours, words)
    invented = said("Tenho 9 mil e decido eu", id=words.id)
    neighbours.analysis = convinced(invented)

    reply = await qualify(db, created.id)

    assert (reply.qualification.lead_score, reply.lead.status, reply.lead.value) == (0, "new", 0)
    (kept,) = (await detail(db, created.id)).qualification_logs
    refused = orjson.loads(kept.bant_analysis)["refused"]
    assert [one["dimension"] for one in refused] == ["budget", "authority", "need", "timeline"]
    assert refused[0] == {"dimension": "budget", "id": words.id, "quote": "Tenho 9 mil e decido eu"}


async def test_what_we_said_is_no_evidence(db: Database, neighbours: Neighbours) -> None:
    ours = said("Nosso valor é 9 mil", is_from_me=True)
    created = await talking(db, neighbours, ours, said("ok"))
    neighbours.analysis = convinced(ours)

    reply = await qualify(db, created.id)

    assert reply.qualification.lead_score == 0


@pytest.mark.parametrize(
    "outage", [Unavailable(), Upstream(), TooMany(), Refusal()], ids=lambda outage: type(outage).__name__
)
async def test_without_a_model_keywords_decide(db: Database, neighbours: Neighbours, outage: Refusal) -> None:
    created = await talking(db, neighbours, said("Qual o valor? Preciso hoje, sou o dono"))
    neighbours.analysis = outage

    reply = await qualify(db, created.id)

    assert (reply.degraded, reply.provider, reply.HasField("model")) == (True, "rules", False)
    assert reply.qualification.lead_score == 50
    (kept,) = (await detail(db, created.id)).qualification_logs
    assert kept.model_used == "rules"


async def test_after_an_outage_the_model_is_left_alone_for_a_while(
    db: Database, neighbours: Neighbours
) -> None:
    created = await talking(db, neighbours, said("Qual o valor?"))
    neighbours.analysis = Unavailable()

    await qualify(db, created.id)
    await qualify(db, created.id)

    assert len(neighbours.analyzed) == 1


async def test_a_provider_that_throttles_is_asked_again(db: Database, neighbours: Neighbours) -> None:
    created = await talking(db, neighbours, said("Qual o valor?"))
    neighbours.analysis = TooMany()

    await qualify(db, created.id)
    await qualify(db, created.id)

    assert len(neighbours.analyzed) == 2


async def test_a_lead_without_a_conversation_is_judged_by_what_people_wrote(
    db: Database, neighbours: Neighbours
) -> None:
    created = await stored(db, notes="Orçamento aprovado, precisa de uma proposta")
    note = cited(created.id, "Orçamento aprovado")
    neighbours.analysis = AnalyzeBantResponse(
        need=NeedFinding(detected=True, confidence=1, evidence=note, urgency="high")
    )

    reply = await qualify(db, created.id)

    assert reply.qualification.lead_score == 30
    assert orjson.loads(reply.lead.bant)["need"]["evidence"][0]["source"] == "notes"


async def test_where_there_is_nothing_to_read_no_model_is_asked(db: Database, neighbours: Neighbours) -> None:
    created = await stored(db)

    reply = await qualify(db, created.id)

    assert (reply.qualification.lead_score, reply.qualification.recommendation) == (0, "disqualify")
    assert not reply.degraded
    assert neighbours.analyzed == []


async def test_a_conversation_that_cannot_be_read_does_not_stop_it(
    db: Database, neighbours: Neighbours
) -> None:
    created = await talking(db, neighbours, said("Qual o valor?"), notes="Indicada")
    neighbours.messaging_is_down = Unavailable()

    await qualify(db, created.id)

    assert [*neighbours.analyzed[0].messages] == []


async def test_a_conversation_out_of_scope_is_not_read(db: Database, neighbours: Neighbours) -> None:
    created = await stored(db, conversation_id=new_id())

    reply = await qualify(db, created.id)

    assert reply.success
