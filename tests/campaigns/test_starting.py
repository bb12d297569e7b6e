"""Starting campaigns: one caller wins, and the audience is written down once."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime

import pytest

from protos import campaigns_pb2 as pb
from services.campaigns import recall, starting
from services.campaigns.campaigns import CampaignNotFound, WrongStatus
from services.campaigns.starting import InstanceUnavailable, NoRecipients
from services.kit.clock import now, rfc3339
from services.kit.db import Database
from services.kit.errors import Unavailable
from services.kit.tables import new_id
from tests.campaigns.colleagues import Identity, Sales
from tests.campaigns.messaging_server import INSTANCE, OTHER_INSTANCE, Gate, Trouble
from tests.campaigns.world import announced, at_once, campaign, rows_of, settle, soon
from tests.support import SUPERVISOR

Put = Callable[[datetime], None]


async def send(db: Database, id: str) -> pb.SendCampaignResponse:
    return await starting.send(db, SUPERVISOR, pb.SendCampaignRequest(id=id))


async def status(db: Database, id: str) -> str:
    (row,) = await rows_of(db, "select status from campaigns where id = %(id)s", id=id)
    return str(row.status)


async def test_sending_freezes_the_audience(db: Database, gate: Gate) -> None:
    gate.add_contacts(3)
    draft = await campaign(db)

    answer = await send(db, draft.id)
    gate.add_contacts(2)
    await settle(db)

    assert (answer.total_recipients, answer.campaign.status) == (3, "sending")
    assert len(gate.queue) == 3
    assert await announced(db) == ["CampaignCreated", "BatchDue", "CampaignStarted"] + ["BatchDue"] * 0


async def test_fifty_callers_start_a_campaign_once(db: Database, gate: Gate) -> None:
    gate.add_contacts(20)
    draft = await campaign(db)

    answers = await at_once(*(send(db, draft.id) for _ in range(50)))

    kinds = Counter(type(answer).__name__ for answer in answers)
    assert kinds == {"SendCampaignResponse": 1, "WrongStatus": 49}
    assert (await announced(db)).count("CampaignStarted") == 1
    await settle(db)
    gate.send_queued()
    assert len(gate.ledger) == 20
    assert not gate.doubled()


@pytest.mark.parametrize("ended", ["sending", "cancelled", "completed", "failed", "paused"])
async def test_only_drafts_and_scheduled_campaigns_start(db: Database, gate: Gate, ended: str) -> None:
    draft = await campaign(db)
    gate.connected.clear()
    async with db.begin() as session:
        await session.run("update campaigns set status = %(status)s", status=ended)

    with pytest.raises(WrongStatus):
        await send(db, draft.id)


async def test_a_campaign_that_does_not_exist_is_not_found(db: Database) -> None:
    with pytest.raises(CampaignNotFound):
        await send(db, new_id())


async def test_nobody_to_write_to_leaves_the_campaign_as_it_was(db: Database) -> None:
    draft = await campaign(db)

    with pytest.raises(NoRecipients):
        await send(db, draft.id)

    assert await status(db, draft.id) == "draft"


async def test_an_instance_that_is_away_does_not_start(db: Database, gate: Gate) -> None:
    gate.add_contacts(1)
    draft = await campaign(db, instance_id=INSTANCE)
    gate.connected.clear()

    with pytest.raises(InstanceUnavailable):
        await send(db, draft.id)

    assert await status(db, draft.id) == "draft"


async def test_without_an_instance_the_only_connected_one_sends(db: Database, gate: Gate) -> None:
    gate.add_contacts(1)
    draft = await campaign(db)

    answer = await send(db, draft.id)

    assert answer.campaign.instance_id == INSTANCE


async def test_without_an_instance_two_connected_ones_are_too_many(db: Database, gate: Gate) -> None:
    gate.add_contacts(1)
    draft = await campaign(db)
    gate.connected.add(OTHER_INSTANCE)

    with pytest.raises(InstanceUnavailable):
        await send(db, draft.id)


async def test_messaging_away_leaves_the_campaign_as_it_was(db: Database, gate: Gate) -> None:
    gate.add_contacts(1)
    draft = await campaign(db)
    gate.troubles.append(Trouble("ResolveAudience", 1))

    with pytest.raises(Unavailable):
        await send(db, draft.id)

    assert await status(db, draft.id) == "draft"


async def test_one_message_per_phone_number(db: Database, gate: Gate) -> None:
    gate.add_contacts(3)
    for member in gate.contacts:
        member.phone_number = "5511988887777"
    draft = await campaign(db)

    answer = await send(db, draft.id)

    assert answer.total_recipients == 1


async def test_excluded_contacts_get_nothing(db: Database, gate: Gate) -> None:
    contacts = gate.add_contacts(3)
    draft = await campaign(db, target_audience=pb.Audience(exclude_contact_ids=[contacts[1]]))

    answer = await send(db, draft.id)

    assert answer.total_recipients == 2


async def test_sales_says_whose_leads_are_meant(db: Database, gate: Gate, sales: Sales) -> None:
    contacts = gate.add_contacts(4)
    for contact in contacts[2:]:
        sales.add(contact_id=contact, status="proposal")
    draft = await campaign(
        db, target_audience=pb.Audience(lead_status=["proposal"], contact_ids=contacts[:3])
    )

    answer = await send(db, draft.id)

    assert answer.total_recipients == 1


async def test_without_sales_an_audience_of_leads_does_not_start(
    db: Database, gate: Gate, sales: Sales
) -> None:
    gate.add_contacts(1)
    draft = await campaign(db, target_audience=pb.Audience(lead_status=["new"]))
    sales.away = True

    with pytest.raises(Unavailable):
        await send(db, draft.id)


async def test_pages_that_come_twice_are_written_once(db: Database, gate: Gate) -> None:
    gate.add_contacts(2500)
    draft = await campaign(db)
    answer = await send(db, draft.id)
    (first,) = await rows_of(db, "select audience_cursor from campaigns")
    event = pb.AudienceDue(campaign_id=draft.id, cursor=first.audience_cursor)

    await at_once(*(starting.write_audience(db, event) for _ in range(4)))
    names = await settle(db)

    assert answer.total_recipients == 2500
    assert names.count("AudienceDue") == 2
    (row,) = await rows_of(db, "select count(*) from campaign_messages")
    assert row.count == 2500
    (row,) = await rows_of(db, "select total_recipients, frozen_at from campaigns")
    assert row.total_recipients == 2500
    assert row.frozen_at


async def test_a_page_that_fails_is_fetched_again(db: Database, gate: Gate) -> None:
    gate.add_contacts(1500)
    draft = await campaign(db)
    await send(db, draft.id)
    (row,) = await rows_of(db, "select audience_cursor from campaigns")
    gate.troubles.append(Trouble("ResolveAudience", 1))
    event = pb.AudienceDue(campaign_id=draft.id, cursor=row.audience_cursor)

    with pytest.raises(Unavailable):
        await starting.write_audience(db, event)
    await starting.write_audience(db, event)

    (row,) = await rows_of(db, "select count(*) from campaign_messages")
    assert row.count == 1500


async def test_who_is_cancelled_while_the_audience_is_written_gets_no_more_of_it(
    db: Database, gate: Gate
) -> None:
    gate.add_contacts(2500)
    draft = await campaign(db)
    await send(db, draft.id)

    answer = await recall.cancel(db, SUPERVISOR, pb.CancelCampaignRequest(id=draft.id))
    await settle(db)

    assert answer.cancelled_recipients == 1000
    assert not gate.ledger
    assert not gate.queue
    (row,) = await rows_of(db, "select count(*) from campaign_messages where status <> 'cancelled'")
    assert row.count == 0


async def test_the_authors_name_is_in_the_text(db: Database, gate: Gate, identity: Identity) -> None:
    identity.add(id=SUPERVISOR.id, name="Bia Souza")
    gate.add_contacts(1)
    draft = await campaign(db, message_template="Sou {{atendenteNome}}")

    await send(db, draft.id)
    await settle(db)

    assert [message.content for message in gate.queue.values()] == ["Sou Bia Souza"]


async def test_without_identity_the_campaign_starts_all_the_same(
    db: Database, gate: Gate, identity: Identity
) -> None:
    gate.add_contacts(1)
    draft = await campaign(db)
    identity.away = True

    assert (await send(db, draft.id)).total_recipients == 1


async def test_ten_ticks_start_each_due_campaign_once(db: Database, gate: Gate, set_clock: Put) -> None:
    gate.add_contacts(5)
    scheduled = [await campaign(db, scheduled_at=rfc3339(soon(hours=1))) for _ in range(3)]
    later = await campaign(db, scheduled_at=rfc3339(soon(hours=5)))
    set_clock(soon(hours=2))

    answers = await at_once(*(starting.start_due(db) for _ in range(10)))

    started = [id for answer in answers for id in answer.started]
    assert sorted(started) == sorted(one.id for one in scheduled)
    assert sum(answer.processed for answer in answers) == 3
    assert await status(db, later.id) == "scheduled"


async def test_what_one_scheduled_campaign_runs_into_does_not_stop_the_next(
    db: Database, gate: Gate, set_clock: Put
) -> None:
    contacts = gate.add_contacts(1)
    when = rfc3339(soon(hours=1))
    away = await campaign(db, scheduled_at=when, instance_id=OTHER_INSTANCE)
    empty = await campaign(db, scheduled_at=when, target_audience=pb.Audience(exclude_contact_ids=contacts))
    good = await campaign(db, scheduled_at=when)
    set_clock(soon(hours=2))

    answer = await starting.process_scheduled(db, SUPERVISOR, pb.ProcessScheduledRequest())

    assert [*answer.started] == [good.id]
    assert {error.campaign_id for error in answer.errors} == {away.id, empty.id}
    assert await status(db, away.id) == "scheduled"
    assert await status(db, empty.id) == "failed"


async def test_many_that_cannot_start_hold_up_none_that_can(
    db: Database, gate: Gate, set_clock: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate.add_contacts(1)
    monkeypatch.setattr(starting, "AT_ONCE", 2)
    when = rfc3339(soon(hours=1))
    for _ in range(5):
        await campaign(db, scheduled_at=when, instance_id=OTHER_INSTANCE)
    good = await campaign(db, scheduled_at=when)
    set_clock(soon(hours=2))

    answer = await starting.start_due(db)

    assert [*answer.started] == [good.id]
    assert len(answer.errors) == 5


async def test_a_scheduled_campaign_may_be_sent_before_its_time(db: Database, gate: Gate) -> None:
    gate.add_contacts(1)
    scheduled = await campaign(db, scheduled_at=rfc3339(soon(hours=1)))

    answer = await send(db, scheduled.id)

    assert answer.campaign.status == "sending"
    assert answer.campaign.started_at <= rfc3339(now())
