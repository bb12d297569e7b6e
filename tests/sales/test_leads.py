"""Leads: opened, read and deleted."""

import asyncio
from contextlib import suppress

import pytest

from protos import sales_pb2 as pb
from services.kit.actor import Actor, service
from services.kit.db import Database, Session
from services.kit.errors import Forbidden, Invalid
from services.kit.tables import new_id
from services.sales import leads
from services.sales.leads import LeadExists, LeadNotFound
from tests.sales.builders import conversation, lead, reread, told, waits
from tests.sales.neighbours import Neighbours
from tests.support import ADMIN, JOAO, MARIA, SUPERVISOR


async def test_a_lead_begins_with_a_history_and_an_activity(session: Session) -> None:
    created = await lead(session, name="Padaria Estrela")

    detail = await leads.get(session, MARIA, pb.GetLeadRequest(id=created.id))

    assert detail.lead.name == "Padaria Estrela"
    assert [(change.HasField("old_status"), change.new_status) for change in detail.history] == [
        (False, "new")
    ]
    assert [activity.type for activity in detail.activities] == ["created"]
    assert await told(session, created.id) == ["LeadCreated"]


async def test_a_created_lead_has_every_field_that_was_given(db: Database) -> None:
    request = pb.CreateLeadRequest(
        name="Padaria Estrela",
        phone="+55 (11) 98765-4321",
        email="compras@estrela.com.br",
        company="Estrela Ltda",
        source="referral",
        value=4500.5,
        probability=40,
        expected_close_date="2026-12-24",
        notes="Prefere ser chamada de manhã",
        tags=["padaria", "sp", "padaria"],
        metadata='{"utm":"feira"}',
    )

    created = (await leads.create(db, MARIA, request)).lead

    assert created.phone == "5511987654321"
    assert (created.value, created.probability) == (4500.5, 40)
    assert created.expected_close_date == "2026-12-24"
    assert [*created.tags] == ["padaria", "sp"]
    assert created.metadata == '{"utm": "feira"}'
    assert (created.status, created.source) == ("new", "referral")
    assert (created.score_level, created.qualification_score) == ("cold", 0)
    assert created.bant == '{"need": {}, "budget": {}, "timeline": {}, "authority": {}}'
    assert created.created_by == created.assigned_to == MARIA.id
    assert created.version == 1


async def test_an_agent_opens_leads_for_nobody_else(db: Database) -> None:
    request = pb.CreateLeadRequest(name="Padaria", assigned_to=JOAO.id)

    created = (await leads.create(db, MARIA, request)).lead

    assert created.assigned_to == MARIA.id


async def test_a_supervisor_opens_a_lead_for_an_active_colleague(
    db: Database, neighbours: Neighbours
) -> None:
    neighbours.people.add(JOAO.id)

    created = (
        await leads.create(db, SUPERVISOR, pb.CreateLeadRequest(name="Padaria", assigned_to=JOAO.id))
    ).lead

    assert (created.assigned_to, created.created_by) == (JOAO.id, SUPERVISOR.id)


async def test_nobody_opens_a_lead_for_a_stranger(db: Database, neighbours: Neighbours) -> None:
    request = pb.CreateLeadRequest(name="Padaria", assigned_to=new_id())

    with pytest.raises(Invalid) as refused:
        await leads.create(db, ADMIN, request)

    assert refused.value.fields == {"assignedTo": "is not an active user"}


async def test_a_lead_that_a_service_opens_is_nobodys(db: Database) -> None:
    created = (await leads.create(db, service("intelligence"), pb.CreateLeadRequest(name="Padaria"))).lead

    assert not created.HasField("assigned_to")
    assert not created.HasField("created_by")


async def test_a_lead_needs_a_name(db: Database) -> None:
    with pytest.raises(Invalid) as refused:
        await leads.create(db, MARIA, pb.CreateLeadRequest(company="Estrela"))

    assert refused.value.fields == {"name": "is required"}


async def test_the_metadata_of_a_lead_is_an_object(db: Database) -> None:
    with pytest.raises(Invalid) as refused:
        await leads.create(db, MARIA, pb.CreateLeadRequest(name="Padaria", metadata="[1]"))

    assert refused.value.fields == {"metadata": "must be an object"}


async def test_a_conversation_gives_name_phone_contact_and_sector(
    db: Database, neighbours: Neighbours
) -> None:
    sector = new_id()
    known = conversation(neighbours, name="Ana Souza", sector_id=sector)

    created = (
        await leads.create(db, MARIA, pb.CreateLeadRequest(conversation_id=known.conversation.id))
    ).lead

    assert (created.name, created.phone) == ("Ana Souza", "5511987654321")
    assert (created.contact_id, created.sector_id) == (known.contact.id, sector)


async def test_a_contact_gives_name_and_phone(db: Database, neighbours: Neighbours) -> None:
    known = conversation(neighbours, name="Ana Souza")

    created = (await leads.create(db, MARIA, pb.CreateLeadRequest(contact_id=known.contact.id))).lead

    assert (created.name, created.phone) == ("Ana Souza", "5511987654321")
    assert not created.HasField("conversation_id")


async def test_what_was_typed_goes_before_what_the_contact_says(db: Database, neighbours: Neighbours) -> None:
    known = conversation(neighbours, name="Ana Souza")
    request = pb.CreateLeadRequest(contact_id=known.contact.id, name="Padaria", phone="1133334444")

    created = (await leads.create(db, MARIA, request)).lead

    assert (created.name, created.phone) == ("Padaria", "1133334444")


@pytest.mark.parametrize(
    ("request_", "culprit"),
    [
        (pb.CreateLeadRequest(name="Padaria", conversation_id=new_id()), "conversationId"),
        (pb.CreateLeadRequest(name="Padaria", contact_id=new_id()), "contactId"),
    ],
)
async def test_a_reference_to_nothing_is_refused(
    db: Database, neighbours: Neighbours, request_: pb.CreateLeadRequest, culprit: str
) -> None:
    with pytest.raises(Invalid) as refused:
        await leads.create(db, MARIA, request_)

    assert refused.value.fields == {culprit: "does not exist"}


async def test_a_conversation_has_one_contact(db: Database, neighbours: Neighbours) -> None:
    known = conversation(neighbours)
    request = pb.CreateLeadRequest(conversation_id=known.conversation.id, contact_id=new_id())

    with pytest.raises(Invalid) as refused:
        await leads.create(db, MARIA, request)

    assert refused.value.fields == {"contactId": "is not the contact of this conversation"}


async def test_a_conversation_has_one_open_lead(db: Database, neighbours: Neighbours) -> None:
    known = conversation(neighbours)
    request = pb.CreateLeadRequest(conversation_id=known.conversation.id)
    first = (await leads.create(db, MARIA, request)).lead

    with pytest.raises(LeadExists) as refused:
        await leads.create(db, MARIA, request)

    assert refused.value.code == "lead_exists"
    assert refused.value.details == {"leadId": first.id}


async def test_a_colleagues_lead_is_in_the_way_without_a_name(db: Database, neighbours: Neighbours) -> None:
    known = conversation(neighbours)
    request = pb.CreateLeadRequest(conversation_id=known.conversation.id)
    await leads.create(db, MARIA, request)

    with pytest.raises(LeadExists) as refused:
        await leads.create(db, JOAO, request)

    assert refused.value.details == {}


async def test_of_many_who_open_a_lead_at_once_one_does(db: Database, neighbours: Neighbours) -> None:
    known = conversation(neighbours)
    request = pb.CreateLeadRequest(conversation_id=known.conversation.id)

    outcomes = await asyncio.gather(
        *(leads.create(db, MARIA, request) for _ in range(8)), return_exceptions=True
    )

    (created,) = [outcome for outcome in outcomes if isinstance(outcome, pb.LeadResponse)]
    refusals = [outcome for outcome in outcomes if isinstance(outcome, LeadExists)]
    assert [refusal.details for refusal in refusals] == [{"leadId": created.lead.id}] * 7
    async with db.read() as session:
        detail = await leads.get(session, MARIA, pb.GetLeadRequest(id=created.lead.id))
    assert len(detail.history) == len(detail.activities) == 1


async def test_a_lead_that_is_not_stored_after_all_is_in_nobodys_way(
    db: Database, neighbours: Neighbours
) -> None:
    known = conversation(neighbours)
    request = pb.CreateLeadRequest(conversation_id=known.conversation.id)

    with suppress(ZeroDivisionError):
        async with db.begin() as rival:
            await lead(rival, conversation_id=known.conversation.id)
            creating = asyncio.create_task(leads.create(db, JOAO, request))
            await waits(db)
            raise ZeroDivisionError

    assert (await creating).lead.assigned_to == JOAO.id


async def test_a_closed_lead_makes_room_for_the_next(session: Session) -> None:
    shared = new_id()
    await lead(session, conversation_id=shared, status="lost")
    await lead(session, conversation_id=shared, status="won")

    second = await lead(session, conversation_id=shared)

    assert second.status == "new"


@pytest.mark.parametrize(("status", "probability"), [("won", 100), ("lost", 0)])
async def test_a_lead_may_be_closed_from_the_start(db: Database, status: str, probability: int) -> None:
    created = (await leads.create(db, MARIA, pb.CreateLeadRequest(name="Padaria", status=status))).lead

    assert created.HasField("closed_at")
    assert created.probability == probability


async def test_a_lead_may_be_qualified_from_the_start(db: Database) -> None:
    created = (await leads.create(db, MARIA, pb.CreateLeadRequest(name="Padaria", status="qualified"))).lead

    assert created.qualified_by == MARIA.id
    assert created.HasField("qualified_at")


@pytest.mark.parametrize("actor", [ADMIN, SUPERVISOR, MARIA, service("campaigns")])
async def test_a_lead_is_seen_by_its_owner_and_by_those_who_lead(session: Session, actor: Actor) -> None:
    created = await lead(session)

    detail = await leads.get(session, actor, pb.GetLeadRequest(id=created.id))

    assert detail.lead.id == created.id


@pytest.mark.parametrize("owner", [MARIA.id, None], ids=["a colleague's", "nobody's"])
async def test_a_lead_of_others_does_not_exist_for_an_agent(session: Session, owner: str | None) -> None:
    created = await lead(session, assigned_to=owner)

    with pytest.raises(LeadNotFound):
        await leads.get(session, JOAO, pb.GetLeadRequest(id=created.id))


async def test_a_deleted_lead_takes_everything_with_it(session: Session) -> None:
    created = await lead(session)

    await leads.delete(session, SUPERVISOR, pb.DeleteLeadRequest(id=created.id))

    assert await reread(session, created.id) is None
    left = "select count(*) from lead_activities where lead_id = %(id)s"
    assert await session.scalar(left, id=created.id) == 0
    assert await told(session, created.id) == ["LeadCreated", "LeadDeleted"]


async def test_a_lead_is_deleted_once(session: Session) -> None:
    created = await lead(session)
    await leads.delete(session, ADMIN, pb.DeleteLeadRequest(id=created.id))

    with pytest.raises(LeadNotFound):
        await leads.delete(session, ADMIN, pb.DeleteLeadRequest(id=created.id))


async def test_an_agent_deletes_no_lead_not_even_an_own_one(session: Session) -> None:
    created = await lead(session)

    with pytest.raises(Forbidden):
        await leads.delete(session, MARIA, pb.DeleteLeadRequest(id=created.id))
