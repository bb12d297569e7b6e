"""The pipeline: pages, filters, order, and totals."""

from typing import Any

import pytest

from protos import sales_pb2 as pb
from services.kit.actor import Actor
from services.kit.db import Session
from services.kit.errors import Invalid
from services.kit.tables import new_id
from services.sales import leads, pipeline
from services.sales.models import STATUSES
from tests.sales.builders import lead
from tests.support import ADMIN, JOAO, SUPERVISOR

SECTOR = new_id()


async def names(session: Session, actor: Actor = ADMIN, **filters: Any) -> list[str]:
    """The names listed, in order; the tests' own sector keeps other leads out."""
    request = pb.ListLeadsRequest(**({"sector_id": SECTOR} | filters))
    return [found.name for found in (await pipeline.list_leads(session, actor, request)).leads]


async def some(session: Session, name: str, **values: Any) -> Any:
    return await lead(session, **({"name": name, "sector_id": SECTOR} | values))


async def test_the_newest_lead_comes_first(session: Session) -> None:
    for name in ("a", "b", "c"):
        created = await some(session, name)
        await at(session, created.id, f"2026-01-0{'abc'.index(name) + 1}T00:00:00Z")

    assert await names(session) == ["c", "b", "a"]


async def at(session: Session, id: str, moment: str) -> None:
    await session.run("update leads set created_at = %(at)s where id = %(id)s", id=id, at=moment)


async def test_an_agent_sees_own_leads_only(session: Session) -> None:
    await some(session, "meu", assigned_to=JOAO.id)
    await some(session, "dela")
    await some(session, "de ninguém", assigned_to=None)

    assert await names(session, JOAO) == ["meu"]


async def test_an_agent_who_asks_for_a_colleagues_leads_gets_none(session: Session) -> None:
    theirs = await some(session, "dela")

    assert await names(session, JOAO, assigned_to=theirs.assigned_to) == []


async def test_me_is_whoever_asks(session: Session) -> None:
    await some(session, "meu", assigned_to=SUPERVISOR.id)
    await some(session, "dela")

    assert await names(session, SUPERVISOR, assigned_to="me") == ["meu"]


async def test_filters_narrow_together(session: Session) -> None:
    contact, talk = new_id(), new_id()
    await some(
        session, "sim", status="won", source="ads", contact_id=contact, conversation_id=talk, tags=["vip"]
    )
    await some(session, "não", status="won", source="ads", contact_id=contact)

    together: dict[str, Any] = {
        "status": ["won", "lost"],
        "source": ["ads"],
        "contact_id": contact,
        "conversation_id": talk,
        "tag": "vip",
        "min_score": 0,
    }
    assert await names(session, **together) == ["sim"]


@pytest.mark.parametrize(
    "filters",
    [
        {"status": ["lost"]},
        {"source": ["ads"]},
        {"contact_id": new_id()},
        {"conversation_id": new_id()},
        {"tag": "vip"},
        {"min_score": 1},
        {"assigned_to": new_id()},
        {"sector_id": new_id()},
        {"search": "ninguem"},
        {"date_to": "2020-01-01"},
        {"date_from": "2100-01-01"},
    ],
    ids=lambda filters: next(iter(filters)),
)
async def test_a_filter_that_nothing_meets_leaves_nothing(session: Session, filters: dict[str, Any]) -> None:
    await some(session, "Padaria", conversation_id=new_id())

    listed = await pipeline.list_leads(
        session, ADMIN, pb.ListLeadsRequest(**({"sector_id": SECTOR} | filters))
    )

    assert not listed.leads
    assert listed.summary.by_status.new.count == 0


@pytest.mark.parametrize(
    "search",
    [
        "joao",
        "JOÃO",
        "ção",
        "estr",
        "trela",
        "joao estrela",
        "estrela joao",
        "11 98765",
        "(11) 98765-4321",
        "4321",
        "98765-4321",
        "compras@",
        "lua.com.br",
        "ímpar",
        "impar",
    ],
)
async def test_a_lead_is_found_by_any_part_of_what_it_says(session: Session, search: str) -> None:
    await some(
        session,
        "João da Conceição",
        company="Padaria Estrela Ímpar",
        phone="5511987654321",
        email="compras@lua.com.br",
    )
    await some(session, "Outra", company="Mercado", phone="5521933334444", email="vendas@sol.com")

    assert await names(session, search=search) == ["João da Conceição"]


@pytest.mark.parametrize("search", ["!!!", "%", "'", "\\", "maria", "joao | maria", "<-> maria"])
async def test_a_search_that_no_lead_holds_finds_none(session: Session, search: str) -> None:
    await some(session, "João", company="Estrela Padaria")

    assert await names(session, search=search) == []


async def test_a_search_has_no_operators(session: Session) -> None:
    await some(session, "João", company="Estrela Padaria")

    assert await names(session, search="joao & !estrela:* '") == ["João"]


async def test_days_are_the_workspaces_and_whole(session: Session) -> None:
    first = await some(session, "começo do dia")
    last = await some(session, "fim do dia")
    await at(session, first.id, "2026-03-10T03:00:00Z")
    await at(session, last.id, "2026-03-11T02:59:59.999Z")

    assert await names(session, date_from="2026-03-10", date_to="2026-03-10") == [
        "fim do dia",
        "começo do dia",
    ]
    assert await names(session, date_from="2026-03-11") == []
    assert await names(session, date_to="2026-03-09") == []


async def test_times_are_included(session: Session) -> None:
    created = await some(session, "agora")
    await at(session, created.id, "2026-03-10T12:00:00Z")

    assert await names(session, date_from="2026-03-10T12:00:00Z", date_to="2026-03-10T09:00:00") == ["agora"]
    assert await names(session, date_from="2026-03-10T09:00:00.001-03:00") == []


@pytest.mark.parametrize(
    ("filters", "culprit"),
    [
        ({"date_from": "2026-02-30"}, "dateFrom"),
        ({"date_to": "amanhã"}, "dateTo"),
        ({"date_to": "2026-03-10T25:00:00Z"}, "dateTo"),
    ],
)
async def test_a_day_that_is_none_is_refused(session: Session, filters: dict[str, Any], culprit: str) -> None:
    with pytest.raises(Invalid) as refused:
        await names(session, **filters)

    assert [*refused.value.fields] == [culprit]


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("createdAt", ["Álvaro", "bruno", "Carla"]),
        ("-createdAt", ["Carla", "bruno", "Álvaro"]),
        ("-updatedAt", ["Carla", "bruno", "Álvaro"]),
        ("name", ["Álvaro", "bruno", "Carla"]),
        ("-name", ["Carla", "bruno", "Álvaro"]),
        ("value", ["Carla", "Álvaro", "bruno"]),
        ("-value", ["bruno", "Álvaro", "Carla"]),
        ("leadScore", ["bruno", "Carla", "Álvaro"]),
        ("-leadScore", ["Álvaro", "Carla", "bruno"]),
        ("expectedCloseDate", ["Carla", "Álvaro", "bruno"]),
        ("-expectedCloseDate", ["bruno", "Álvaro", "Carla"]),
    ],
)
async def test_pages_go_through_every_order_without_gap_or_repeat(
    session: Session, sort: str, expected: list[str]
) -> None:
    for day, (name, value, score, closing) in enumerate(
        [("Álvaro", 9.5, 70, "2026-06-01"), ("bruno", 10.25, 0, None), ("Carla", 0, 40, "2026-05-31")], 1
    ):
        created = await some(session, name, value=value, lead_score=score, expected_close_date=closing)
        await session.run(
            "update leads set created_at = %(at)s, updated_at = %(at)s where id = %(id)s",
            id=created.id,
            at=f"2026-01-0{day}T00:00:00Z",
        )

    walked, cursor = [], ""
    while True:
        request = pb.ListLeadsRequest(sector_id=SECTOR, sort=sort, limit=1, cursor=cursor)
        listed = await pipeline.list_leads(session, ADMIN, request)
        walked += [found.name for found in listed.leads]
        cursor = listed.pagination.next_cursor
        if not listed.pagination.has_more:
            break

    assert walked == expected


async def test_equals_are_kept_apart_by_their_ids(session: Session) -> None:
    expected = {(await some(session, f"igual {n}", value=5)).id for n in range(5)}

    first = await pipeline.list_leads(
        session, ADMIN, pb.ListLeadsRequest(sector_id=SECTOR, sort="value", limit=3)
    )
    second = await pipeline.list_leads(
        session,
        ADMIN,
        pb.ListLeadsRequest(sector_id=SECTOR, sort="value", limit=3, cursor=first.pagination.next_cursor),
    )

    assert [len(first.leads), len(second.leads)] == [3, 2]
    assert {found.id for found in [*first.leads, *second.leads]} == expected


async def test_a_cursor_of_another_list_is_refused(session: Session) -> None:
    with pytest.raises(Invalid) as refused:
        await names(session, cursor="WzFd")

    assert refused.value.fields == {"cursor": "is not a cursor of this list"}


async def test_numbered_pages_have_totals(session: Session) -> None:
    for n in range(5):
        await some(session, str(n))

    request = pb.ListLeadsRequest(sector_id=SECTOR, page=2, limit=2)
    listed = await pipeline.list_leads(session, ADMIN, request)

    assert len(listed.leads) == 2
    assert (listed.pagination.page, listed.pagination.total, listed.pagination.total_pages) == (2, 5, 3)


async def test_totals_are_counted_when_asked(session: Session) -> None:
    await some(session, "Padaria")

    plain = await pipeline.list_leads(session, ADMIN, pb.ListLeadsRequest(sector_id=SECTOR))
    asked = await pipeline.list_leads(
        session, ADMIN, pb.ListLeadsRequest(sector_id=SECTOR, include=["total"], search="padaria")
    )

    assert not plain.pagination.HasField("total")
    assert asked.pagination.total == 1


async def test_the_summary_is_about_all_pages_and_weighs_open_leads(session: Session) -> None:
    await some(session, "a", value=1000, probability=50)
    await some(session, "b", value=200, probability=25, status="proposal")
    await some(session, "c", value=5000, probability=100, status="won")

    request = pb.ListLeadsRequest(sector_id=SECTOR, limit=1)
    summary = (await pipeline.list_leads(session, ADMIN, request)).summary

    assert (summary.total_value, summary.weighted_value) == (6200, 550)
    assert (summary.by_status.won.count, summary.by_status.won.value) == (1, 5000)
    assert (summary.by_status.lost.count, summary.by_status.lost.value) == (0, 0)


async def test_the_summary_is_the_same_whether_kept_or_counted(session: Session) -> None:
    for n, status in enumerate(STATUSES):
        await some(session, "Padaria", status=status, value=n * 10.55, probability=n * 10)

    kept = await pipeline.list_leads(session, ADMIN, pb.ListLeadsRequest(sector_id=SECTOR))
    counted = await pipeline.list_leads(session, ADMIN, pb.ListLeadsRequest(sector_id=SECTOR, search="pad"))

    assert kept.summary == counted.summary
    assert kept.summary.total_value > 0


async def test_the_kept_totals_follow_every_change(session: Session) -> None:
    first = await some(session, "a", value=100, probability=50)
    second = await some(session, "b", value=10, probability=10)
    third = await some(session, "c", value=7)

    await leads.change(session, first, {"value": 250.0, "status": "negotiation"})
    await leads.change(session, second, {"assigned_to": JOAO.id, "source": "ads"})
    await leads.delete(session, ADMIN, pb.DeleteLeadRequest(id=third.id))

    everything = (await pipeline.list_leads(session, ADMIN, pb.ListLeadsRequest(sector_id=SECTOR))).summary
    assert (everything.total_value, everything.weighted_value) == (260, 126)
    assert (everything.by_status.new.count, everything.by_status.negotiation.count) == (1, 1)
    joaos = (await pipeline.list_leads(session, JOAO, pb.ListLeadsRequest(sector_id=SECTOR))).summary
    assert (joaos.total_value, joaos.by_status.new.count) == (10, 1)
