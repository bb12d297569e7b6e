"""The knowledge base as lists show it."""

from typing import Any

from protos import knowledge_pb2 as pb
from services.kit.actor import Actor
from services.kit.db import Database
from services.kit.tables import new_id
from services.knowledge import entries
from tests.knowledge.builders import change, entry
from tests.support import ADMIN, MARIA


async def listed(db: Database, actor: Actor = ADMIN, **asked: Any) -> pb.ListEntriesResponse:
    async with db.read() as session:
        return await entries.list_entries(session, actor, pb.ListEntriesRequest(**asked))


async def test_pages_follow_one_another_without_gap_or_repeat(db: Database) -> None:
    made = [await entry(db, f"Pergunta {n}?", priority=n % 3) for n in range(7)]
    seen: list[str] = []
    cursor = ""

    while True:
        page = await listed(db, limit=3, cursor=cursor)
        seen += [one.id for one in page.entries]
        cursor = page.pagination.next_cursor
        if not page.pagination.has_more:
            break

    assert sorted(seen) == sorted(one.id for one in made)
    assert len(seen) == 7


async def test_a_search_finds_inflected_words_without_accents_best_first(db: Database) -> None:
    await entry(db, "Qual o horário de atendimento?", "Das 8h às 18h.")
    boleto = await entry(db, "Como peço a segunda via do boleto?", "Pelo site, em Meus Boletos.")

    found = await listed(db, search="boletos")
    accents = await listed(db, search="HORARIOS")

    assert [one.id for one in found.entries] == [boleto.id]
    assert [one.question for one in accents.entries] == ["Qual o horário de atendimento?"]


async def test_a_search_by_part_of_a_word_finds_too(db: Database) -> None:
    await entry(db, "Vocês aceitam Pix?", "Sim.")

    assert len((await listed(db, search="pi")).entries) == 1


async def test_a_search_of_punctuation_finds_nothing(db: Database) -> None:
    await entry(db)

    assert not (await listed(db, search="?!")).entries


async def test_search_results_come_in_pages_too(db: Database) -> None:
    for n in range(5):
        await entry(db, f"Entrega no bairro {n}?", "Sim, entrega em dois dias.")

    first = await listed(db, search="entrega", limit=3)
    rest = await listed(db, search="entrega", limit=3, cursor=first.pagination.next_cursor)

    assert len({one.id for one in [*first.entries, *rest.entries]}) == 5


async def test_categories_are_counted_and_totals_come_on_request(db: Database) -> None:
    await entry(db, "Um?")
    await entry(db, "Dois?")
    await entry(db, "Quanto custa?", category="pricing")

    found = await listed(db, category="faq", page=1)

    assert [(one.category, one.count) for one in found.categories] == [("faq", 2), ("pricing", 1)]
    assert found.pagination.total == 2


async def test_only_those_who_lead_see_what_is_out_of_use(db: Database) -> None:
    gone = await entry(db)
    await change(db, gone.id, is_active=False)

    assert not (await listed(db)).entries
    assert not (await listed(db, MARIA, include_inactive=True)).entries
    assert [one.id for one in (await listed(db, include_inactive=True)).entries] == [gone.id]


async def test_a_sector_sees_its_own_entries_and_those_of_everybody(db: Database) -> None:
    sector = new_id()
    own = await entry(db, "Um?", sector_id=sector)
    common = await entry(db, "Dois?")
    await entry(db, "Três?", sector_id=new_id())

    found = await listed(db, sector_id=sector)

    assert {one.id for one in found.entries} == {own.id, common.id}


async def test_entries_come_in_the_order_that_is_asked_for(db: Database) -> None:
    low = await entry(db, "Um?", priority=1)
    high = await entry(db, "Dois?", priority=9)

    up = await listed(db, sort="priority")
    newest = await listed(db, sort="-updatedAt")
    usual = await listed(db)

    assert [one.id for one in up.entries] == [low.id, high.id]
    assert [one.id for one in newest.entries] == [high.id, low.id]
    assert [one.id for one in usual.entries] == [high.id, low.id]
