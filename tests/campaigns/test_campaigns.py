"""Writing campaigns, and finding them."""

from typing import Any

import pytest

from protos import campaigns_pb2 as pb
from services.campaigns import campaigns, pacing
from services.campaigns.campaigns import TRANSITIONS, CampaignNotFound
from services.campaigns.pacing import InstanceNotFound
from services.kit.clock import rfc3339
from services.kit.db import Database
from services.kit.egress import AddressNotAllowed
from services.kit.errors import Invalid
from services.kit.tables import new_id
from tests.campaigns.colleagues import Identity, Sales
from tests.campaigns.messaging_server import INSTANCE, OTHER_INSTANCE, Gate, Trouble
from tests.campaigns.world import announced, campaign, soon
from tests.support import MARIA, SUPERVISOR


def request(**fields: Any) -> pb.CreateCampaignRequest:
    values = {"name": "Volta", "message_template": "Olá, {{clienteNome}}!", **fields}
    return pb.CreateCampaignRequest(**values)


async def test_a_new_campaign_says_how_many_people_it_would_reach(db: Database, gate: Gate) -> None:
    gate.add_contacts(3)

    answer = await campaigns.create(db, SUPERVISOR, request())

    assert (answer.campaign.status, answer.estimated_recipients) == ("draft", 3)
    assert answer.campaign.created_by == SUPERVISOR.id
    assert await announced(db) == ["CampaignCreated"]


async def test_a_campaign_with_a_time_is_scheduled(db: Database) -> None:
    answer = await campaigns.create(db, SUPERVISOR, request(scheduled_at=rfc3339(soon(hours=1))))

    assert answer.campaign.status == "scheduled"


@pytest.mark.parametrize(
    ("fields", "culprit"),
    [
        ({"message_template": "Olá, {{nome}}!"}, "messageTemplate"),
        ({"message_template": "Olá, {{ }}!"}, "messageTemplate"),
        ({"media_url": "https://empresa.com.br/a.png"}, "mediaType"),
        ({"media_type": "image"}, "mediaUrl"),
        ({"media_url": "javascript:alert(1)", "media_type": "image"}, "mediaUrl"),
        ({"media_url": "uploads/gone.png", "media_type": "image"}, "mediaUrl"),
        ({"media_url": "uploads/film.mp4", "media_type": "video"}, "mediaUrl"),
        ({"scheduled_at": "2020-01-01T00:00:00.000Z"}, "scheduledAt"),
        ({"instance_id": new_id()}, "instanceId"),
        (
            {
                "target_audience": pb.Audience(
                    last_interaction_after="2026-02-01T00:00:00.000Z",
                    last_interaction_before="2026-01-01T00:00:00.000Z",
                )
            },
            "targetAudience.lastInteractionAfter",
        ),
    ],
)
async def test_what_makes_no_sense_is_refused_with_the_field_named(
    db: Database, gate: Gate, fields: dict[str, object], culprit: str
) -> None:
    gate.files["uploads/film.mp4"] = campaigns.LARGEST_FILE + 1

    with pytest.raises(Invalid) as refused:
        await campaigns.create(db, SUPERVISOR, request(**fields))

    assert [*refused.value.fields] == [culprit]
    assert await announced(db) == []


async def test_a_file_on_our_own_network_is_not_sent(db: Database) -> None:
    with pytest.raises(AddressNotAllowed):
        await campaigns.create(
            db, SUPERVISOR, request(media_url="http://169.254.169.254/a.png", media_type="image")
        )


async def test_a_stored_file_goes_with_the_message(db: Database, gate: Gate) -> None:
    gate.files["uploads/oferta.png"] = campaigns.LARGEST_FILE

    answer = await campaigns.create(
        db, SUPERVISOR, request(media_url="uploads/oferta.png", media_type="image")
    )

    assert (answer.campaign.media_url, answer.campaign.media_type) == ("uploads/oferta.png", "image")


async def test_nobody_can_tell_the_estimate_while_messaging_is_away(db: Database, gate: Gate) -> None:
    gate.troubles.append(Trouble("ResolveAudience", 1))

    answer = await campaigns.create(db, SUPERVISOR, request())

    assert not answer.HasField("estimated_recipients")
    assert answer.success


async def test_nobody_can_tell_the_estimate_when_several_instances_could_send(
    db: Database, gate: Gate
) -> None:
    gate.connected.add(OTHER_INSTANCE)

    assert not (await campaigns.create(db, SUPERVISOR, request())).HasField("estimated_recipients")
    chosen = await campaigns.create(db, SUPERVISOR, request(instance_id=INSTANCE))
    assert chosen.HasField("estimated_recipients")


async def test_the_audience_comes_back_as_it_was_sent(db: Database) -> None:
    audience = pb.Audience(tags=["vip"], exclude_contact_ids=[new_id()], min_lead_score=0, all=True)

    answer = await campaigns.create(db, SUPERVISOR, request(target_audience=audience))

    assert answer.campaign.target_audience == audience


async def test_filters_narrow_each_other(db: Database, gate: Gate, sales: Sales) -> None:
    contacts = gate.add_contacts(5)
    gate.tagged["vip"] = {*contacts[:3]}
    for contact in contacts[1:]:
        sales.add(contact_id=contact, status="qualified", lead_score=75)
    audience = pb.Audience(tags=["vip"], lead_status=["qualified"], min_lead_score=70)

    answer = await campaigns.create(db, SUPERVISOR, request(target_audience=audience))

    assert answer.estimated_recipients == 2


async def test_quiet_hours_are_the_campaigns_or_else_the_workspaces(db: Database, identity: Identity) -> None:
    identity.config["campaigns.quiet_hours"] = {"start": "20:00", "end": "08:00"}

    inherited = await campaign(db)
    own = await campaign(db, quiet_hours=pb.QuietHours(start="22:00", end="07:00"))
    none = await campaign(db, quiet_hours=pb.QuietHours(start="09:00", end="09:00"))

    assert inherited.quiet_hours == pb.QuietHours(start="20:00", end="08:00")
    assert own.quiet_hours == pb.QuietHours(start="22:00", end="07:00")
    assert not none.HasField("quiet_hours")


async def test_the_list_filters_sorts_and_pages(db: Database) -> None:
    for name in ("Alfa", "Beta 100%", "Gama"):
        await campaign(db, name=name)
    await campaign(db, name="Delta", scheduled_at=rfc3339(soon(hours=2)))

    async def names(**fields: Any) -> list[str]:
        async with db.read() as session:
            found = await campaigns.list_campaigns(session, MARIA, pb.ListCampaignsRequest(**fields))
        return [one.name for one in found.campaigns]

    assert await names() == ["Delta", "Gama", "Beta 100%", "Alfa"]
    assert await names(sort="name") == ["Alfa", "Beta 100%", "Delta", "Gama"]
    assert await names(sort="-scheduledAt", limit=1) == ["Delta"]
    assert await names(status=["scheduled", "sending"]) == ["Delta"]
    assert await names(search="100%") == ["Beta 100%"]
    assert await names(search="_") == []
    assert await names(instance_id=INSTANCE) == []
    assert await names(date_from=rfc3339(soon(minutes=1))) == []
    assert await names(date_to=rfc3339(soon(minutes=-1))) == []
    assert len(await names(date_to=f"{soon(hours=-3):%Y-%m-%d}")) == 4
    assert await names(date_to=rfc3339(soon(minutes=1)), limit=2) == ["Delta", "Gama"]


@pytest.mark.parametrize("sort", ["-createdAt", "createdAt", "name", "-name", "scheduledAt", "-scheduledAt"])
async def test_cursors_visit_every_campaign_once(db: Database, sort: str) -> None:
    for number in range(7):
        when: dict[str, Any] = {"scheduled_at": rfc3339(soon(hours=1 + number // 2))} if number % 2 else {}
        await campaign(db, name=f"C{number // 2}", **when)

    seen, cursor = [], ""
    while True:
        async with db.read() as session:
            request = pb.ListCampaignsRequest(sort=sort, limit=2, cursor=cursor, include=["total"])
            page = await campaigns.list_campaigns(session, MARIA, request)
        seen += [one.id for one in page.campaigns]
        cursor = page.pagination.next_cursor
        if not page.pagination.has_more:
            break

    assert page.pagination.total == 7
    assert len(seen) == len({*seen}) == 7


async def test_a_campaign_that_does_not_exist_is_not_found(db: Database) -> None:
    async with db.read() as session:
        with pytest.raises(CampaignNotFound):
            await campaigns.read(session, new_id())


def test_no_status_is_left_that_is_final() -> None:
    statuses = {"draft", "scheduled", "sending", "paused", "completed", "cancelled", "failed"}

    assert {target for targets in TRANSITIONS.values() for target in targets} <= statuses
    assert not {"completed", "cancelled", "failed"} & {*TRANSITIONS}


async def test_the_limits_of_an_instance_are_kept_and_shown(db: Database) -> None:
    wanted = pb.SetPacingRequest(instance_id=INSTANCE, daily_cap=500, warm_up_from="2026-01-01")

    await pacing.set_pacing(db, SUPERVISOR, wanted)
    shown = await pacing.get_pacing(db, SUPERVISOR, pb.GetPacingRequest(instance_id=INSTANCE))

    assert (shown.daily_cap, shown.warm_up_from, shown.handed_today) == (500, "2026-01-01", 0)
    assert shown.allowed_today == 500
    unlimited = (await pacing.set_pacing(db, SUPERVISOR, pb.SetPacingRequest(instance_id=INSTANCE))).pacing
    assert not unlimited.HasField("allowed_today")


async def test_an_instance_that_does_not_exist_has_no_limits(db: Database) -> None:
    with pytest.raises(InstanceNotFound):
        await pacing.set_pacing(db, SUPERVISOR, pb.SetPacingRequest(instance_id=new_id(), daily_cap=5))
    with pytest.raises(InstanceNotFound):
        await pacing.get_pacing(db, SUPERVISOR, pb.GetPacingRequest(instance_id=new_id()))
