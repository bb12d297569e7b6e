"""What people change in the knowledge base."""

import pytest

from protos import knowledge_pb2 as pb
from services.kit.db import Database
from services.kit.tables import new_id
from services.knowledge import edits
from tests.knowledge.builders import change, entry, shown
from tests.support import ADMIN, SUPERVISOR, emitted


async def test_a_new_entry_gets_keywords_of_its_own_and_is_announced(db: Database) -> None:
    created = await entry(db, "Qual o prazo de entrega?", "A entrega leva cinco dias úteis.")

    assert created.keywords[0] == "entrega"
    assert "qual" not in created.keywords
    assert created.created_by == SUPERVISOR.id
    async with db.read() as session:
        assert await emitted(session) == ["knowledge.entry_created"]


async def test_creating_answers_201_and_editing_200(db: Database) -> None:
    request = pb.ManageEntryRequest(category="faq", question="Aceita Pix?", answer="Sim.")
    created = await edits.manage(db, SUPERVISOR, request)

    again = pb.ManageEntryRequest(id=created.entry.id, answer="Sim, com 5% de desconto.")
    edited = await edits.manage(db, SUPERVISOR, again)

    assert (created.http_status, edited.http_status) == (201, 200)
    assert edited.entry.question == "Aceita Pix?"
    assert edited.entry.version == 2
    assert "desconto" in edited.entry.keywords


async def test_the_same_question_in_other_case_and_accents_is_a_duplicate(db: Database) -> None:
    first = await entry(db, "Qual o horário de atendimento?")

    with pytest.raises(edits.DuplicateEntry) as refused:
        await entry(db, "qual o HORARIO de atendimento")

    assert refused.value.details == {"id": first.id}


async def test_the_same_question_may_stand_in_another_category(db: Database) -> None:
    await entry(db, "Como funciona a troca?", category="policy")

    other = await entry(db, "Como funciona a troca?", category="script")

    assert other.category == "script"


async def test_an_edit_may_not_make_a_duplicate(db: Database) -> None:
    first = await entry(db, "Aceita Pix?")
    second = await entry(db, "Aceita boleto?")

    with pytest.raises(edits.DuplicateEntry) as refused:
        await change(db, second.id, question="Aceita pix?")

    assert refused.value.details == {"id": first.id}


async def test_verifying_names_who_did_it_and_a_new_text_takes_it_back(db: Database) -> None:
    created = await entry(db)
    verified = await change(db, created.id, is_verified=True)

    changed = await change(db, created.id, answer="Todos os dias.")

    assert (verified.verified_by, verified.version) == (SUPERVISOR.id, 1)
    assert (changed.is_verified, changed.version) == (False, 2)


async def test_null_empties_the_sector_and_what_is_left_out_stays(db: Database) -> None:
    created = await entry(db, sector_id=new_id(), priority=7)

    changed = await change(db, created.id, sector_id=None)

    assert not changed.HasField("sector_id")
    assert (changed.priority, changed.answer) == (7, created.answer)


async def test_creating_needs_category_question_and_answer(db: Database) -> None:
    with pytest.raises(edits.MissingFields):
        await edits.manage(db, SUPERVISOR, pb.ManageEntryRequest(category="faq", question="Oi?"))


async def test_an_unknown_entry_cannot_be_edited_or_removed(db: Database) -> None:
    with pytest.raises(edits.EntryNotFound):
        await change(db, new_id(), answer="Sim.")
    with pytest.raises(edits.EntryNotFound):
        async with db.begin() as session:
            await edits.remove(session, ADMIN, pb.DeleteEntryRequest(id=new_id()))


async def test_a_removed_entry_is_kept_inactive_and_removing_it_again_is_fine(db: Database) -> None:
    created = await entry(db)

    for _ in range(2):
        async with db.begin() as session:
            await edits.remove(session, ADMIN, pb.DeleteEntryRequest(id=created.id))

    assert not (await shown(db, created.id)).is_active
    async with db.read() as session:
        assert await emitted(session) == ["knowledge.entry_created", "knowledge.entry_deleted"]


async def test_a_removed_question_may_be_asked_anew_and_then_the_old_one_cannot_return(db: Database) -> None:
    old = await entry(db)
    await change(db, old.id, is_active=False)
    await entry(db)

    with pytest.raises(edits.DuplicateEntry):
        await change(db, old.id, is_active=True)


async def test_an_import_stores_what_is_good_and_says_what_is_not(db: Database) -> None:
    good = pb.NewEntry(category="faq", question="Aceita Pix?", answer="Sim.")
    bad = [
        pb.NewEntry(category="faq", question="Sem resposta?", answer=" "),
        pb.NewEntry(category="faq", question="aceita pix", answer="Aceitamos."),
        pb.NewEntry(category="faq", question="Qual setor?", answer="O um.", sector_id="um"),
    ]

    result = await edits.manage(db, SUPERVISOR, pb.ManageEntryRequest(entries=[good, *bad]))

    assert (result.imported, result.failed, result.http_status) == (1, 3, 201)
    assert [one.success for one in result.results] == [True, False, False, False]
    assert (await shown(db, result.results[0].id)).source == "imported"
