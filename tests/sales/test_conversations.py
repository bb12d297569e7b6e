"""Leads out of conversations."""

import asyncio
from typing import Any

import pytest

from protos import messaging_pb2
from protos import sales_pb2 as pb
from services.kit.db import Database, Row
from services.kit.errors import Unavailable
from services.kit.tables import new_id
from services.sales import conversations, leads
from tests.sales.builders import conversation, convinced, criteria, lead, said, told, waits
from tests.sales.neighbours import Neighbours
from tests.support import ADMIN, JOAO


def due(context: messaging_pb2.ConversationContext) -> pb.QualificationDue:
    return pb.QualificationDue(
        conversation_id=context.conversation.id, contact_id=context.contact.id, message_id=new_id()
    )


async def leads_of(db: Database, context: messaging_pb2.ConversationContext) -> list[Row]:
    async with db.read() as session:
        return await session.all(
            "select * from leads where conversation_id = %(id)s order by created_at, id",
            id=context.conversation.id,
        )


async def logs_of(db: Database, context: messaging_pb2.ConversationContext) -> list[Row]:
    async with db.read() as session:
        return await session.all(
            "select * from lead_qualification_logs where conversation_id = %(id)s order by created_at, id",
            id=context.conversation.id,
        )


async def test_a_conversation_that_convinces_becomes_a_lead(db: Database, neighbours: Neighbours) -> None:
    words = said("Sou a dona, tenho 9 mil e preciso hoje")
    sector = new_id()
    context = conversation(neighbours, words, name="Ana Souza", sector_id=sector, assigned_to=JOAO.id)
    neighbours.analysis = convinced(words)

    await conversations.qualify(db, due(context))

    (created,) = await leads_of(db, context)
    assert (created.name, created.phone, created.source) == ("Ana Souza", "5511987654321", "whatsapp")
    assert (created.status, created.lead_score, created.probability) == ("qualified", 100, 100)
    assert (created.value, created.qualified_by) == (9000, "ai")
    assert (created.contact_id, created.sector_id, created.assigned_to) == (
        context.contact.id,
        sector,
        JOAO.id,
    )
    async with db.read() as session:
        detail = await leads.get(session, ADMIN, pb.GetLeadRequest(id=created.id))
        assert await told(session, created.id) == ["LeadCreated", "LeadQualified"]
    assert [change.new_status for change in detail.history] == ["qualified"]
    assert [kept.trigger_source for kept in detail.qualification_logs] == ["webhook"]
    assert neighbours.analyzed[0].HasField("lead") is False


@pytest.mark.parametrize(
    ("findings", "score", "status"),
    [
        ({"timeline": None, "authority": None}, 55, "contacted"),
        ({"timeline": None, "authority": None, "need": None, "suggested_value": None}, 25, None),
        ({"timeline": None, "authority": None, "budget": None, "suggested_value": None}, 30, "new"),
    ],
)
async def test_the_score_says_whether_and_where_a_lead_begins(
    db: Database, neighbours: Neighbours, findings: dict[str, Any], score: int, status: str | None
) -> None:
    words = said("Tenho orçamento e preciso hoje")
    context = conversation(neighbours, words)
    neighbours.analysis = convinced(words, **findings)

    await conversations.qualify(db, due(context))

    assert [(found.status, found.lead_score) for found in await leads_of(db, context)] == (
        [(status, score)] if status else []
    )
    (kept,) = await logs_of(db, context)
    assert (kept.new_score, kept.lead_id is None) == (score, status is None)
    async with db.read() as session:
        state = await session.first(
            "select * from conversation_qualification_state where conversation_id = %(id)s",
            id=context.conversation.id,
        )
    assert state is not None
    assert (state.last_score, state.last_qualification_at is not None) == (score, True)


async def test_a_lead_without_a_contacts_name_says_so(db: Database, neighbours: Neighbours) -> None:
    words = said("Sou a dona e preciso hoje")
    context = conversation(neighbours, words, name=" ")
    neighbours.analysis = convinced(words)

    await conversations.qualify(db, due(context))

    assert [found.name for found in await leads_of(db, context)] == ["Lead sem nome"]


async def test_a_sector_may_want_no_leads_of_itself(db: Database, neighbours: Neighbours) -> None:
    words = said("Sou a dona e preciso hoje")
    async with db.begin() as session:
        sector = await criteria(session, creates=False)
    context = conversation(neighbours, words, sector_id=sector)
    neighbours.analysis = convinced(words)

    await conversations.qualify(db, due(context))

    assert await leads_of(db, context) == []
    assert len(await logs_of(db, context)) == 1


async def test_an_open_lead_is_scored_instead_of_a_new_one(db: Database, neighbours: Neighbours) -> None:
    words = said("Sou a dona e preciso hoje")
    context = conversation(neighbours, words)
    async with db.begin() as session:
        before = await lead(session, conversation_id=context.conversation.id, contact_id=context.contact.id)
    neighbours.analysis = convinced(words)

    await conversations.qualify(db, due(context))

    (after,) = await leads_of(db, context)
    assert (after.id, after.lead_score, after.status) == (before.id, 100, "qualified")
    assert neighbours.analyzed[0].lead.name == before.name


async def test_a_change_that_is_just_being_stored_is_not_lost(db: Database, neighbours: Neighbours) -> None:
    words = said("Sou a dona e preciso hoje")
    context = conversation(neighbours, words)
    async with db.begin() as session:
        before = await lead(session, conversation_id=context.conversation.id)
    neighbours.analysis = convinced(words)

    async with db.begin() as rival:
        await leads.change(rival, await leads.locked(rival, ADMIN, before.id), {"value": 50000.0})
        qualifying = asyncio.create_task(conversations.qualify(db, due(context)))
        await waits(db)
    await qualifying

    assert [(found.value, found.lead_score) for found in await leads_of(db, context)] == [(50000, 100)]


async def test_a_lead_of_the_contact_finds_its_conversation(db: Database, neighbours: Neighbours) -> None:
    words = said("Bom dia")
    context = conversation(neighbours, words)
    async with db.begin() as session:
        before = await lead(session, contact_id=context.contact.id)

    await conversations.qualify(db, due(context))

    assert [found.id for found in await leads_of(db, context)] == [before.id]


async def test_the_same_event_twice_is_one_qualification(db: Database, neighbours: Neighbours) -> None:
    words = said("Sou a dona e preciso hoje")
    context = conversation(neighbours, words)
    neighbours.analysis = convinced(words)
    event = due(context)

    await asyncio.gather(*(conversations.qualify(db, event) for _ in range(3)))

    assert len(await leads_of(db, context)) == 1
    assert len(await logs_of(db, context)) == 1


async def test_two_events_at_once_make_one_lead(db: Database, neighbours: Neighbours) -> None:
    words = said("Sou a dona e preciso hoje")
    context = conversation(neighbours, words)
    neighbours.analysis = convinced(words)

    await asyncio.gather(*(conversations.qualify(db, due(context)) for _ in range(3)))

    assert len(await leads_of(db, context)) == 1
    assert len(await logs_of(db, context)) == 3


async def test_a_lead_that_a_person_opened_meanwhile_is_scored(db: Database, neighbours: Neighbours) -> None:
    words = said("Sou a dona e preciso hoje")
    context = conversation(neighbours, words)
    neighbours.analysis = convinced(words)

    async def open_one() -> None:
        request = pb.CreateLeadRequest(name="De João", conversation_id=context.conversation.id)
        await leads.create(db, JOAO, request)

    neighbours.meanwhile = open_one
    await conversations.qualify(db, due(context))

    assert [(found.name, found.lead_score) for found in await leads_of(db, context)] == [("De João", 100)]


async def test_a_lead_that_a_person_is_just_storing_is_scored(db: Database, neighbours: Neighbours) -> None:
    words = said("Sou a dona e preciso hoje")
    context = conversation(neighbours, words)
    neighbours.analysis = convinced(words)

    async with db.begin() as rival:
        await lead(rival, name="De João", conversation_id=context.conversation.id)
        qualifying = asyncio.create_task(conversations.qualify(db, due(context)))
        await waits(db)
    await qualifying

    assert [(found.name, found.lead_score) for found in await leads_of(db, context)] == [("De João", 100)]


async def test_of_a_person_and_an_event_at_once_one_opens_the_lead(
    db: Database, neighbours: Neighbours
) -> None:
    for _ in range(5):
        words = said("Sou a dona e preciso hoje")
        context = conversation(neighbours, words)
        neighbours.analysis = convinced(words)
        request = pb.CreateLeadRequest(name="De João", conversation_id=context.conversation.id)

        await asyncio.gather(
            leads.create(db, JOAO, request), conversations.qualify(db, due(context)), return_exceptions=True
        )

        assert len(await leads_of(db, context)) == 1
        assert len(await logs_of(db, context)) == 1


async def test_the_words_of_a_sale_do_not_make_the_next_lead(db: Database, neighbours: Neighbours) -> None:
    old = said("Sou a dona e preciso hoje", timestamp="2026-11-01T12:00:00.000Z")
    thanks = said("Chegou, obrigada", timestamp="2026-11-20T12:00:00.000Z")
    context = conversation(neighbours, old, thanks)
    async with db.begin() as session:
        await lead(
            session,
            conversation_id=context.conversation.id,
            status="won",
            closed_at="2026-11-10T12:00:00.000Z",
        )
    neighbours.analysis = convinced(old)

    await conversations.qualify(db, due(context))

    assert [found.status for found in await leads_of(db, context)] == ["won"]
    assert [message.text for message in neighbours.analyzed[0].messages] == ["Chegou, obrigada"]


async def test_a_customer_who_comes_back_becomes_a_new_lead(db: Database, neighbours: Neighbours) -> None:
    words = said("Preciso de outro bolo hoje, sou a dona", timestamp="2026-11-20T12:00:00.000Z")
    context = conversation(neighbours, words)
    async with db.begin() as session:
        await lead(
            session,
            conversation_id=context.conversation.id,
            status="won",
            closed_at="2026-11-10T12:00:00.000Z",
        )
    neighbours.analysis = convinced(words)

    await conversations.qualify(db, due(context))

    assert [found.status for found in await leads_of(db, context)] == ["won", "qualified"]


async def test_a_conversation_that_is_gone_needs_nothing(db: Database, neighbours: Neighbours) -> None:
    event = pb.QualificationDue(conversation_id=new_id(), contact_id=new_id(), message_id=new_id())

    await conversations.qualify(db, event)

    assert neighbours.analyzed == []


async def test_while_messaging_is_away_the_event_waits(db: Database, neighbours: Neighbours) -> None:
    context = conversation(neighbours, said("Bom dia"))
    neighbours.messaging_is_down = Unavailable()

    with pytest.raises(Unavailable):
        await conversations.qualify(db, due(context))

    assert await logs_of(db, context) == []


async def test_without_a_model_keywords_find_leads(db: Database, neighbours: Neighbours) -> None:
    context = conversation(neighbours, said("Qual o valor? Preciso hoje, sou o dono"))
    neighbours.analysis = Unavailable()

    await conversations.qualify(db, due(context))

    assert [(found.status, found.lead_score) for found in await leads_of(db, context)] == [("contacted", 50)]


async def test_the_sector_of_a_conversation_is_remembered(db: Database, neighbours: Neighbours) -> None:
    sector = new_id()
    context = conversation(neighbours, said("Bom dia"), sector_id=sector)

    await conversations.qualify(db, due(context))

    async with db.read() as session:
        remembered = await session.scalar(
            "select sector_id from conversation_qualification_state where conversation_id = %(id)s",
            id=context.conversation.id,
        )
    assert remembered == sector
