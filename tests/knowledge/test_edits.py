"""What people change in the knowledge base."""

import pytest

from protos import knowledge_pb2 as pb
from services.kit.db import Session
from services.knowledge import edits, entries
from tests.knowledge.builders import entry
from tests.support import ADMIN, SUPERVISOR, emitted


async def test_a_new_entry_is_listed_with_keywords_of_its_own(session: Session) -> None:
    created = await entry(session, "Qual o prazo de entrega?", "A entrega leva cinco dias úteis.")

    listed = await entries.list_entries(session, ADMIN, pb.ListEntriesRequest())

    assert [shown.id for shown in listed.entries] == [created.id]
    assert created.keywords[0] == "entrega"
    assert "qual" not in created.keywords
    assert created.created_by == SUPERVISOR.id
    assert await emitted(session) == ["knowledge.entry_created"]


async def test_creating_answers_201_and_editing_200(session: Session) -> None:
    request = pb.ManageEntryRequest(category="faq", question="Aceita Pix?", answer="Sim.")
    created = await edits.manage(session, SUPERVISOR, request)

    edited = await edits.manage(
        session, SUPERVISOR, pb.ManageEntryRequest(id=created.entry.id, answer="Sim, com 5% de desconto.")
    )

    assert (created.http_status, edited.http_status) == (201, 200)
    assert edited.entry.question == "Aceita Pix?"
    assert edited.entry.version == 2
    assert "desconto" in edited.entry.keywords


async def test_the_same_question_in_other_words_of_case_and_accent_is_a_duplicate(session: Session) -> None:
    first = await entry(session, "Qual o horário de atendimento?")

    with pytest.raises(edits.DuplicateEntry) as refused:
        await entry(session, "qual o HORARIO de atendimento")

    assert refused.value.details == {"id": first.id}


async def test_the_same_question_may_stand_in_another_category(session: Session) -> None:
    await entry(session, "Como funciona a troca?", category="policy")

    other = await entry(session, "Como funciona a troca?", category="script")

    assert other.category == "script"


async def test_an_edit_may_not_make_a_duplicate(session: Session) -> None:
    first = await entry(session, "Aceita Pix?")
    second = await entry(session, "Aceita boleto?")

    with pytest.raises(edits.DuplicateEntry) as refused:
        await edits.manage(session, SUPERVISOR, pb.ManageEntryRequest(id=second.id, question="Aceita pix?"))

    assert refused.value.details == {"id": first.id}


async def test_verifying_names_who_did_it_and_a_new_text_takes_it_back(session: Session) -> None:
    created = await entry(session)
    verified = await edits.manage(session, ADMIN, pb.ManageEntryRequest(id=created.id, is_verified=True))

    changed = await edits.manage(
        session, SUPERVISOR, pb.ManageEntryRequest(id=created.id, answer="Todos os dias.")
    )

    assert verified.entry.verified_by == ADMIN.id
    assert verified.entry.version == 1
    assert not changed.entry.is_verified


async def test_creating_needs_category_question_and_answer(session: Session) -> None:
    with pytest.raises(edits.MissingFields):
        await edits.manage(session, SUPERVISOR, pb.ManageEntryRequest(category="faq", question="Oi?"))


async def test_an_unknown_entry_cannot_be_edited(session: Session) -> None:
    with pytest.raises(edits.EntryNotFound):
        await edits.manage(
            session, SUPERVISOR, pb.ManageEntryRequest(id="019a0000-0000-7000-8000-000000000000")
        )
