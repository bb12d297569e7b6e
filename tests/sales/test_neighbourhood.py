"""What sales takes from other contexts' events, and what it answers them."""

import asyncio
from typing import Any

import pytest

from protos import sales_pb2 as pb
from protos.campaigns_pb2 import (
    MeetingCancelled,
    MeetingNoShow,
    MeetingReminderSent,
    MeetingRescheduled,
    MeetingScheduled,
)
from protos.identity_pb2 import UserDeactivated, UserReactivated
from protos.messaging_pb2 import ContactUpdated
from services.kit.actor import service
from services.kit.db import Database, Session
from services.kit.errors import Invalid
from services.kit.tables import new_id
from services.sales import contacts, leads, lookups, meetings, owners
from services.sales.conversations import UNNAMED
from tests.sales.builders import last_told, lead, reread, told, waits
from tests.sales.neighbours import Neighbours
from tests.support import ADMIN, JOAO, MARIA

CAMPAIGNS = service("campaigns")


async def test_leads_of_a_closed_account_say_so_until_it_opens_again(
    db: Database, neighbours: Neighbours
) -> None:
    owner = new_id()
    async with db.begin() as session:
        created = await lead(session, assigned_to=owner)

    await owners.flag(db, UserDeactivated(user_id=owner))
    async with db.read() as session:
        away = await reread(session, created.id)
    neighbours.people.add(owner)
    await owners.unflag(db, UserReactivated(user_id=owner))
    async with db.read() as session:
        back = await reread(session, created.id)

    assert (away.owner_inactive, away.assigned_to) == (True, owner)
    assert not back.owner_inactive
    assert (away.version, away.updated_at) == (created.version, created.updated_at)


async def test_an_event_that_comes_late_changes_nothing(db: Database, neighbours: Neighbours) -> None:
    owner = new_id()
    async with db.begin() as session:
        created = await lead(session, assigned_to=owner)
    neighbours.people.add(owner)

    await owners.flag(db, UserDeactivated(user_id=owner))

    async with db.read() as session:
        assert not (await reread(session, created.id)).owner_inactive


async def test_a_colleagues_leads_are_not_touched(db: Database, neighbours: Neighbours) -> None:
    async with db.begin() as session:
        created = await lead(session)

    await owners.flag(db, UserDeactivated(user_id=new_id()))

    async with db.read() as session:
        assert not (await reread(session, created.id)).owner_inactive


def updated(contact: str, **fields: Any) -> ContactUpdated:
    return ContactUpdated(
        **{"contact_id": contact, "name": "Ana Souza", "phone_number": "5511987654321"} | fields
    )


async def test_a_lead_without_a_name_gets_its_contacts(session: Session) -> None:
    contact = new_id()
    created = await lead(session, name=UNNAMED, contact_id=contact)

    await contacts.follow(session, updated(contact))

    after = await reread(session, created.id)
    assert (after.name, after.phone, after.name_key) == ("Ana Souza", "5511987654321", "ana souza")
    event = await last_told(session, created.id, pb.LeadUpdated)
    assert [*event.changed] == ["name", "phone"]


async def test_what_a_person_wrote_stays(session: Session) -> None:
    contact = new_id()
    created = await lead(session, name="Padaria", phone="1133334444", contact_id=contact)

    await contacts.follow(session, updated(contact))

    after = await reread(session, created.id)
    assert (after.name, after.phone, after.version) == ("Padaria", "1133334444", 1)


@pytest.mark.parametrize(
    "values", [{"status": "won"}, {"contact_id": new_id()}], ids=["closed", "of another"]
)
async def test_other_leads_follow_no_contact(session: Session, values: dict[str, str]) -> None:
    contact = new_id()
    created = await lead(session, **{"name": UNNAMED, "contact_id": contact} | values)

    await contacts.follow(session, updated(contact))

    assert (await reread(session, created.id)).name == UNNAMED


async def test_a_name_that_a_person_is_just_storing_stays(db: Database) -> None:
    contact = new_id()
    async with db.begin() as session:
        created = await lead(session, name=UNNAMED, contact_id=contact)

    async def follow() -> None:
        async with db.begin() as session:
            await contacts.follow(session, updated(contact))

    async with db.begin() as rival:
        await leads.change(rival, await leads.locked(rival, ADMIN, created.id), {"name": "De João"})
        following = asyncio.create_task(follow())
        await waits(db)
    await following

    async with db.read() as session:
        after = await reread(session, created.id)
    assert (after.name, after.phone) == ("De João", "5511987654321")


async def test_a_contact_that_tells_nothing_changes_nothing(session: Session) -> None:
    contact = new_id()
    created = await lead(session, name=UNNAMED, contact_id=contact)

    await contacts.follow(session, updated(contact, name=" ", phone_number=""))

    assert await told(session, created.id) == ["LeadCreated"]


async def test_a_meeting_is_part_of_a_leads_story(session: Session) -> None:
    created = await lead(session)
    meeting = {"meeting_id": new_id(), "lead_id": created.id, "title": "Degustação"}

    await meetings.note_scheduled(
        session, MeetingScheduled(**meeting, scheduled_at="2026-12-01T12:00:00.000Z", by=MARIA.id)
    )
    await meetings.note_rescheduled(
        session,
        MeetingRescheduled(
            **meeting,
            scheduled_at="2026-12-02T12:00:00.000Z",
            previously_scheduled_at="2026-12-01T12:00:00.000Z",
            by=MARIA.id,
        ),
    )
    await meetings.note_reminded(session, MeetingReminderSent(**meeting, kind="24h"))
    await meetings.note_no_show(session, MeetingNoShow(**meeting))
    await meetings.note_cancelled(session, MeetingCancelled(**meeting, reason="Desistiu"))

    detail = await leads.get(session, ADMIN, pb.GetLeadRequest(id=created.id))
    story = [
        (activity.type, activity.description)
        for activity in reversed(detail.activities)
        if activity.type.startswith("meeting")
    ]
    assert story == [
        ("meeting_scheduled", "Reunião agendada: Degustação"),
        ("meeting_rescheduled", "Reunião remarcada: Degustação"),
        ("meeting_reminder", "Lembrete enviado: Degustação"),
        ("meeting_no_show", "Cliente não compareceu: Degustação"),
        ("meeting_cancelled", "Reunião cancelada: Degustação"),
    ]
    assert detail.activities[0].outcome == "Desistiu"


async def test_a_meeting_is_a_first_contact(session: Session) -> None:
    created = await lead(session)

    await meetings.note_scheduled(session, MeetingScheduled(meeting_id=new_id(), lead_id=created.id))

    assert (await reread(session, created.id)).status == "contacted"


async def test_a_meeting_moves_no_lead_further(session: Session) -> None:
    created = await lead(session, status="proposal")

    await meetings.note_scheduled(session, MeetingScheduled(meeting_id=new_id(), lead_id=created.id))

    assert (await reread(session, created.id)).status == "proposal"


@pytest.mark.parametrize("id", ["", new_id()], ids=["without a lead", "of a deleted lead"])
async def test_a_meeting_without_a_lead_is_no_ones_story(session: Session, id: str) -> None:
    meeting = new_id()

    await meetings.note_scheduled(session, MeetingScheduled(meeting_id=meeting, lead_id=id))
    await meetings.note_rescheduled(session, MeetingRescheduled(meeting_id=meeting, lead_id=id))
    await meetings.note_reminded(session, MeetingReminderSent(meeting_id=meeting, lead_id=id))
    await meetings.note_cancelled(session, MeetingCancelled(meeting_id=meeting, lead_id=id))
    await meetings.note_no_show(session, MeetingNoShow(meeting_id=meeting, lead_id=id))

    assert (
        await session.scalar("select count(*) from lead_activities where lead_id::text = %(id)s", id=id) == 0
    )


async def test_the_open_lead_of_a_conversation_is_found_before_newer_closed_ones(session: Session) -> None:
    talk = new_id()
    opened = await lead(session, conversation_id=talk)
    await lead(session, conversation_id=talk, status="won")

    found = await lookups.find(session, CAMPAIGNS, pb.FindLeadRequest(conversation_id=talk))

    assert found.lead.id == opened.id


async def test_the_newest_closed_lead_is_found_where_none_is_open(session: Session) -> None:
    contact = new_id()
    await lead(session, contact_id=contact, status="lost")
    newest = await lead(session, contact_id=contact, status="won")

    found = await lookups.find(session, CAMPAIGNS, pb.FindLeadRequest(contact_id=contact))

    assert found.lead.id == newest.id


async def test_a_lead_of_the_contact_is_found_where_the_conversation_has_none(session: Session) -> None:
    both = {"conversation_id": new_id(), "contact_id": new_id()}
    known = await lead(session, contact_id=both["contact_id"])
    await lead(session)

    found = await lookups.find(session, CAMPAIGNS, pb.FindLeadRequest(**both))
    own = await lead(session, **both)
    preferred = await lookups.find(session, CAMPAIGNS, pb.FindLeadRequest(**both))

    assert (found.lead.id, preferred.lead.id) == (known.id, own.id)


async def test_a_lead_is_found_by_its_id(session: Session) -> None:
    created = await lead(session)

    found = await lookups.find(session, MARIA, pb.FindLeadRequest(id=created.id))

    assert found.lead.id == created.id


async def test_a_lead_out_of_scope_is_not_found(session: Session) -> None:
    created = await lead(session)

    found = await lookups.find(session, JOAO, pb.FindLeadRequest(id=created.id))

    assert not found.HasField("lead")


async def test_finding_needs_something_to_go_by(session: Session) -> None:
    with pytest.raises(Invalid):
        await lookups.find(session, CAMPAIGNS, pb.FindLeadRequest())


async def test_contacts_are_listed_once_each_by_what_their_leads_are_like(session: Session) -> None:
    ana, bia, caio = sorted(new_id() for _ in range(3))
    await lead(session, contact_id=ana, status="won", source="ads", lead_score=80)
    await lead(session, contact_id=ana, status="won", source="ads", lead_score=90)
    await lead(session, contact_id=bia, status="won", source="ads", lead_score=20)
    await lead(session, contact_id=caio, status="new", source="ads", lead_score=80)
    await lead(session, status="won", source="ads", lead_score=80)
    request = pb.ListLeadContactsRequest(
        statuses=["won"], sources=["ads"], min_score=50, contact_ids=[ana, bia, caio]
    )

    listed = await lookups.list_contacts(session, CAMPAIGNS, request)

    assert ([*listed.contact_ids], listed.has_more) == ([ana], False)


async def test_contacts_come_in_pages(session: Session) -> None:
    three = sorted(new_id() for _ in range(3))
    for contact in three:
        await lead(session, contact_id=contact)

    first = await lookups.list_contacts(
        session, CAMPAIGNS, pb.ListLeadContactsRequest(contact_ids=three, limit=2)
    )
    second = await lookups.list_contacts(
        session,
        CAMPAIGNS,
        pb.ListLeadContactsRequest(contact_ids=three, limit=2, after=first.contact_ids[-1]),
    )

    assert ([*first.contact_ids], first.has_more) == (three[:2], True)
    assert ([*second.contact_ids], second.has_more) == (three[2:], False)


async def test_an_agent_reaches_contacts_of_own_leads_only(session: Session) -> None:
    contact = new_id()
    await lead(session, contact_id=contact)

    listed = await lookups.list_contacts(session, JOAO, pb.ListLeadContactsRequest(contact_ids=[contact]))

    assert not listed.contact_ids
