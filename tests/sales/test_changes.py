"""Changes of a lead by people."""

import asyncio

import pytest

from protos import sales_pb2 as pb
from services.kit.db import Database
from services.kit.errors import Invalid
from services.kit.tables import new_id
from services.sales import changes, leads
from services.sales.changes import CannotReassign, StaleVersion
from services.sales.leads import LeadExists, LeadNotFound
from tests.sales.builders import changing, detail, last_told, stored, told, waits
from tests.sales.neighbours import Neighbours
from tests.support import ADMIN, JOAO, MARIA, SUPERVISOR


async def test_only_what_the_body_names_changes(db: Database) -> None:
    before = await stored(db, email="a@estrela.com.br", notes="Ligar", value=100)

    after = (await changes.update(db, MARIA, changing(before.id, name="Padaria Lua", notes=None))).lead

    assert (after.name, after.email, after.value) == ("Padaria Lua", "a@estrela.com.br", 100)
    assert not after.HasField("notes")
    assert after.version == 2


async def test_every_field_of_a_form_is_taken(db: Database) -> None:
    before = await stored(db)
    form = changing(
        before.id,
        phone="(11) 3333-4444",
        email="b@lua.com.br",
        company="Lua",
        source="ads",
        value=12.345,
        probability=55,
        expected_close_date="2026-12-31",
        notes="ok",
        tags=["a", "a", "b"],
        metadata='{"b": 1, "a": 2}',
        sector_id="019a0000-0000-7000-8000-000000000001",
    )

    after = (await changes.update(db, MARIA, form)).lead

    assert (after.phone, after.email, after.company, after.source) == (
        "1133334444",
        "b@lua.com.br",
        "Lua",
        "ads",
    )
    assert (after.value, after.probability, after.expected_close_date) == (12.35, 55, "2026-12-31")
    assert ([*after.tags], after.metadata) == (["a", "b"], '{"a": 2, "b": 1}')
    assert after.sector_id == "019a0000-0000-7000-8000-000000000001"


async def test_null_brings_numbers_lists_and_objects_back_to_nothing(db: Database) -> None:
    before = await stored(db, value=10, probability=5, tags=["a"], metadata='{"a": 1}', phone="551133334444")
    form = changing(before.id, value=None, probability=None, tags=None, metadata=None, phone=None)

    after = (await changes.update(db, MARIA, form)).lead

    assert (after.value, after.probability, [*after.tags], after.metadata) == (0, 0, [], "{}")
    assert not after.HasField("phone")


@pytest.mark.parametrize("name", ["name", "status", "source"])
async def test_no_lead_is_without_name_status_and_source(db: Database, name: str) -> None:
    before = await stored(db)

    with pytest.raises(Invalid) as refused:
        await changes.update(db, MARIA, changing(before.id, **{name: None}))

    assert refused.value.fields == {name: "must not be empty"}


async def test_ids_scores_and_audit_fields_are_not_for_the_client(db: Database) -> None:
    before = await stored(db)
    request = changing(before.id, status_change_notes="nada")
    request.update_mask.paths.extend(["lead_score", "created_by", "version", "qualified_at"])

    after = (await changes.update(db, MARIA, request)).lead

    assert (after.lead_score, after.version) == (0, 1)
    assert not after.HasField("created_by")


async def test_a_change_that_changes_nothing_leaves_no_trace(db: Database) -> None:
    before = await stored(db, value=10, metadata='{"a": 1}', status="contacted")
    form = changing(before.id, name=before.name, value=10.0, metadata='{"a":1}', status="contacted")

    after = (await changes.update(db, MARIA, form)).lead

    assert (after.version, after.updated_at) == (before.version, before.updated_at)
    async with db.read() as session:
        assert await told(session, before.id) == ["LeadCreated"]


async def test_a_new_name_is_found(db: Database) -> None:
    before = await stored(db, name="Antes")
    await changes.update(db, MARIA, changing(before.id, name="Confeitaria Ímpar"))

    async with db.read() as session:
        found = await session.scalar(
            "select name_key from leads where id = %(id)s and words @@ 'ímpar' is false and words @@ 'impar'",
            id=before.id,
        )

    assert found == "confeitaria impar"


async def test_a_stale_version_is_refused(db: Database) -> None:
    before = await stored(db)
    await changes.update(db, MARIA, changing(before.id, version=1, name="Primeira"))

    with pytest.raises(StaleVersion) as refused:
        await changes.update(db, SUPERVISOR, changing(before.id, version=1, name="Segunda"))

    assert (refused.value.http, refused.value.details) == (409, {"version": 2})
    assert (await detail(db, before.id)).lead.name == "Primeira"


async def test_a_version_that_becomes_stale_while_one_waits_is_refused(db: Database) -> None:
    before = await stored(db)

    async with db.begin() as rival:
        await leads.change(rival, await leads.locked(rival, ADMIN, before.id), {"notes": "Primeira"})
        saving = asyncio.create_task(
            changes.update(db, MARIA, changing(before.id, version=1, notes="Segunda"))
        )
        await waits(db)

    with pytest.raises(StaleVersion):
        await saving


async def test_a_lead_that_is_reassigned_while_its_owner_waits_is_gone(db: Database) -> None:
    before = await stored(db)

    async with db.begin() as rival:
        await leads.change(rival, await leads.locked(rival, ADMIN, before.id), {"assigned_to": JOAO.id})
        saving = asyncio.create_task(changes.update(db, MARIA, changing(before.id, notes="x")))
        await waits(db)

    with pytest.raises(LeadNotFound):
        await saving


async def test_of_many_who_save_the_same_version_one_does(db: Database) -> None:
    before = await stored(db)

    outcomes = await asyncio.gather(
        *(changes.update(db, MARIA, changing(before.id, version=1, value=n)) for n in range(1, 7)),
        return_exceptions=True,
    )

    assert sum(isinstance(outcome, pb.LeadResponse) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, StaleVersion) for outcome in outcomes) == 5
    after = await detail(db, before.id)
    assert after.lead.version == 2
    assert [activity.type for activity in after.activities].count("value_change") == 1


async def test_without_a_version_nobodys_change_is_lost(db: Database) -> None:
    before = await stored(db)

    await asyncio.gather(
        *(
            changes.update(db, MARIA, changing(before.id, **{name: "x"}))
            for name in ("notes", "company", "name")
        )
    )

    after = (await detail(db, before.id)).lead
    assert (after.notes, after.company, after.name, after.version) == ("x", "x", "x", 4)


async def test_a_new_status_is_written_down_and_told(db: Database) -> None:
    before = await stored(db)
    request = changing(before.id, status="proposal", status_change_notes="Enviada por e-mail")

    await changes.update(db, MARIA, request)

    after = await detail(db, before.id)
    newest = after.history[0]
    assert (newest.old_status, newest.new_status, newest.reason) == ("new", "proposal", "Enviada por e-mail")
    assert newest.changed_by == MARIA.id
    activity = after.activities[0]
    assert (activity.type, activity.old_value, activity.new_value) == ("status_change", "new", "proposal")
    async with db.read() as session:
        assert await told(session, before.id) == ["LeadCreated", "LeadStatusChanged", "LeadUpdated"]
        moved = await last_told(session, before.id, pb.LeadStatusChanged)
    assert (moved.old_status, moved.new_status, moved.changed_by) == ("new", "proposal", MARIA.id)


@pytest.mark.parametrize(("status", "probability"), [("won", 100), ("lost", 0)])
async def test_a_lead_that_is_closed_is_certain(db: Database, status: str, probability: int) -> None:
    before = await stored(db, probability=40)

    after = (await changes.update(db, MARIA, changing(before.id, status=status))).lead

    assert after.HasField("closed_at")
    assert after.probability == probability


async def test_a_probability_that_is_given_stays(db: Database) -> None:
    before = await stored(db, probability=40)

    after = (await changes.update(db, MARIA, changing(before.id, status="won", probability=40))).lead

    assert after.probability == 40


async def test_a_reopened_lead_is_not_closed(db: Database) -> None:
    before = await stored(db, status="lost", closed_at="2026-01-01T00:00:00Z")

    after = (await changes.update(db, MARIA, changing(before.id, status="negotiation"))).lead

    assert not after.HasField("closed_at")


async def test_a_person_who_qualifies_a_lead_is_remembered_once(db: Database) -> None:
    before = await stored(db)
    await changes.update(db, MARIA, changing(before.id, status="qualified"))
    await changes.update(db, MARIA, changing(before.id, status="proposal"))

    after = (await changes.update(db, SUPERVISOR, changing(before.id, status="qualified"))).lead

    assert after.qualified_by == MARIA.id


async def test_a_new_value_is_written_down(db: Database) -> None:
    before = await stored(db, value=10)

    await changes.update(db, MARIA, changing(before.id, value=99.9))

    newest = (await detail(db, before.id)).activities[0]
    assert (newest.type, newest.old_value, newest.new_value) == ("value_change", "10.00", "99.90")


async def test_a_supervisor_gives_a_lead_to_an_active_colleague(db: Database, neighbours: Neighbours) -> None:
    neighbours.people.add(JOAO.id)
    before = await stored(db, owner_inactive=True)

    after = (await changes.update(db, SUPERVISOR, changing(before.id, assigned_to=JOAO.id))).lead

    assert (after.assigned_to, after.owner_inactive) == (JOAO.id, False)
    newest = (await detail(db, before.id)).activities[0]
    assert (newest.type, newest.old_value, newest.new_value) == ("assignment", MARIA.id, JOAO.id)
    async with db.read() as session:
        updated = await last_told(session, before.id, pb.LeadUpdated)
    assert (updated.assigned_to, updated.previously_assigned_to) == (JOAO.id, MARIA.id)


async def test_a_lead_goes_to_no_stranger(db: Database, neighbours: Neighbours) -> None:
    before = await stored(db)

    with pytest.raises(Invalid) as refused:
        await changes.update(db, ADMIN, changing(before.id, assigned_to=new_id()))

    assert refused.value.fields == {"assignedTo": "is not an active user"}


async def test_an_owner_who_left_does_not_stop_other_changes(db: Database, neighbours: Neighbours) -> None:
    before = await stored(db)

    form = changing(before.id, assigned_to=MARIA.id, notes="x")
    after = (await changes.update(db, SUPERVISOR, form)).lead

    assert after.notes == "x"


@pytest.mark.parametrize("to", [JOAO.id, None], ids=["to a colleague", "to nobody"])
async def test_an_agent_reassigns_no_lead(db: Database, to: str | None) -> None:
    before = await stored(db)

    with pytest.raises(CannotReassign) as refused:
        await changes.update(db, MARIA, changing(before.id, assigned_to=to))

    assert refused.value.http == 403


@pytest.mark.parametrize("fields", [{"name": "x"}, {"assigned_to": JOAO.id}])
async def test_a_colleagues_lead_does_not_exist(db: Database, fields: dict[str, str]) -> None:
    before = await stored(db)

    with pytest.raises(LeadNotFound):
        await changes.update(db, JOAO, changing(before.id, **fields))


async def test_a_lead_is_not_reopened_beside_an_open_one(db: Database) -> None:
    shared = new_id()
    closed = await stored(db, conversation_id=shared, status="lost")
    await stored(db, conversation_id=shared)

    with pytest.raises(LeadExists):
        await changes.update(db, MARIA, changing(closed.id, status="new"))

    assert (await detail(db, closed.id)).lead.status == "lost"
