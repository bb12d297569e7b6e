"""What people do about a lead."""

import asyncio

import pytest

from protos import sales_pb2 as pb
from services.kit.actor import service
from services.kit.db import Database, Session
from services.kit.errors import Invalid
from services.sales import activities, leads
from services.sales.leads import LeadNotFound
from tests.sales.builders import lead, reread, told, waits
from tests.support import JOAO, MARIA


def noting(id: str, type: str = "note", description: str = "Pediu catálogo") -> pb.AddActivityRequest:
    return pb.AddActivityRequest(id=id, type=type, description=description)


async def test_an_activity_is_kept_as_it_was_given(session: Session) -> None:
    created = await lead(session)
    request = pb.AddActivityRequest(
        id=created.id,
        type="follow_up",
        description="Ligar de novo",
        outcome="Combinado",
        scheduled_for="2026-12-01T12:00:00.000Z",
        metadata='{"canal":"telefone"}',
    )

    activity = (await activities.add(session, MARIA, request)).activity

    assert (activity.type, activity.activity_type) == ("follow_up", "follow_up")
    assert (activity.description, activity.outcome) == ("Ligar de novo", "Combinado")
    assert activity.scheduled_for == "2026-12-01T12:00:00.000Z"
    assert activity.metadata == '{"canal": "telefone"}'
    assert activity.performed_by == MARIA.id
    assert not activity.HasField("completed_at")
    assert await told(session, created.id) == ["LeadCreated", "LeadActivityAdded"]


async def test_a_services_activity_is_nobodys(session: Session) -> None:
    created = await lead(session)

    activity = (await activities.add(session, service("campaigns"), noting(created.id))).activity

    assert not activity.HasField("performed_by")


@pytest.mark.parametrize("type", ["call", "email", "message", "meeting"])
async def test_the_first_contact_moves_a_new_lead(session: Session, type: str) -> None:
    created = await lead(session)

    await activities.add(session, MARIA, noting(created.id, type))

    detail = await leads.get(session, MARIA, pb.GetLeadRequest(id=created.id))
    assert detail.lead.status == "contacted"
    assert (detail.history[0].old_status, detail.history[0].new_status) == ("new", "contacted")
    assert await told(session, created.id) == ["LeadCreated", "LeadStatusChanged", "LeadActivityAdded"]


@pytest.mark.parametrize("type", ["note", "task", "proposal", "my_own-type"])
async def test_what_is_no_contact_moves_nothing(session: Session, type: str) -> None:
    created = await lead(session)

    await activities.add(session, MARIA, noting(created.id, type))

    assert (await reread(session, created.id)).status == "new"


@pytest.mark.parametrize("status", ["contacted", "proposal", "won", "lost"])
async def test_a_contact_moves_no_lead_further(session: Session, status: str) -> None:
    created = await lead(session, status=status)

    await activities.add(session, MARIA, noting(created.id, "call"))

    assert (await reread(session, created.id)).status == status


async def test_a_contact_pulls_no_lead_back_that_moves_on_meanwhile(db: Database) -> None:
    async with db.begin() as session:
        created = await lead(session)

    async def call() -> None:
        async with db.begin() as session:
            await activities.add(session, MARIA, noting(created.id, "call"))

    async with db.begin() as rival:
        await leads.change(rival, await leads.locked(rival, MARIA, created.id), {"status": "proposal"})
        calling = asyncio.create_task(call())
        await waits(db)
    await calling

    async with db.read() as session:
        assert (await reread(session, created.id)).status == "proposal"


async def test_a_colleagues_lead_takes_no_activity(session: Session) -> None:
    created = await lead(session)

    with pytest.raises(LeadNotFound):
        await activities.add(session, JOAO, noting(created.id))


async def test_the_metadata_of_an_activity_is_an_object(session: Session) -> None:
    created = await lead(session)
    request = noting(created.id)
    request.metadata = '"text"'

    with pytest.raises(Invalid) as refused:
        await activities.add(session, MARIA, request)

    assert refused.value.fields == {"metadata": "must be an object"}
