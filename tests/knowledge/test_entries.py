"""The knowledge base as lists show it."""

from protos import knowledge_pb2 as pb
from services.kit.db import Session
from services.knowledge import entries
from tests.knowledge.builders import entry
from tests.support import ADMIN


async def test_pages_follow_one_another_without_gap_or_repeat(session: Session) -> None:
    made = [await entry(session, f"Pergunta {n}?", priority=n % 3) for n in range(7)]
    seen: list[str] = []
    cursor = ""

    while True:
        page = await entries.list_entries(session, ADMIN, pb.ListEntriesRequest(limit=3, cursor=cursor))
        seen += [shown.id for shown in page.entries]
        cursor = page.pagination.next_cursor
        if not page.pagination.has_more:
            break

    assert sorted(seen) == sorted(one.id for one in made)
    assert len(seen) == 7


async def test_a_search_finds_inflected_words_without_accents_best_first(session: Session) -> None:
    await entry(session, "Qual o horário de atendimento?", "Das 8h às 18h.")
    boleto = await entry(session, "Como peço a segunda via do boleto?", "Pelo site, em Meus Boletos.")

    found = await entries.list_entries(session, ADMIN, pb.ListEntriesRequest(search="boletos"))
    accents = await entries.list_entries(session, ADMIN, pb.ListEntriesRequest(search="HORARIOS"))

    assert [shown.id for shown in found.entries] == [boleto.id]
    assert [shown.question for shown in accents.entries] == ["Qual o horário de atendimento?"]


async def test_a_search_by_part_of_a_word_finds_too(session: Session) -> None:
    await entry(session, "Vocês aceitam Pix?", "Sim.")

    found = await entries.list_entries(session, ADMIN, pb.ListEntriesRequest(search="pi"))

    assert len(found.entries) == 1


async def test_a_search_of_punctuation_only_is_answered(session: Session) -> None:
    await entry(session)

    found = await entries.list_entries(session, ADMIN, pb.ListEntriesRequest(search="?!"))

    assert not found.entries


async def test_search_results_come_in_pages_too(session: Session) -> None:
    for n in range(5):
        await entry(session, f"Entrega no bairro {n}?", "Sim, entrega em dois dias.")

    first = await entries.list_entries(session, ADMIN, pb.ListEntriesRequest(search="entrega", limit=3))
    rest = await entries.list_entries(
        session,
        ADMIN,
        pb.ListEntriesRequest(search="entrega", limit=3, cursor=first.pagination.next_cursor),
    )

    assert len({shown.id for shown in [*first.entries, *rest.entries]}) == 5


async def test_categories_are_counted_and_totals_come_on_request(session: Session) -> None:
    await entry(session, "Um?", category="faq")
    await entry(session, "Dois?", category="faq")
    await entry(session, "Quanto custa?", category="pricing")

    listed = await entries.list_entries(session, ADMIN, pb.ListEntriesRequest(category="faq", page=1))

    assert [(one.category, one.count) for one in listed.categories] == [("faq", 2), ("pricing", 1)]
    assert listed.pagination.total == 2
