"""The entries that answer a question."""

from protos import knowledge_pb2 as pb
from services.kit.db import Session
from services.knowledge import search
from tests.knowledge.builders import entry
from tests.support import INTELLIGENCE


async def test_the_entry_that_answers_comes_first_and_is_accepted(session: Session) -> None:
    await entry(session, "Qual o prazo de entrega?", "Cinco dias úteis.")
    hours = await entry(session, "Qual o horário de atendimento?", "Das 8h às 18h.")

    found = await search.search(
        session, INTELLIGENCE, pb.SearchRequest(query="Oi! Qual é o horário de atendimento de vocês?")
    )

    assert found.hits[0].entry.id == hours.id
    assert found.accepted


async def test_a_question_that_no_entry_answers_is_not_accepted(session: Session) -> None:
    await entry(session, "Qual o horário de atendimento?", "Das 8h às 18h.")

    found = await search.search(
        session, INTELLIGENCE, pb.SearchRequest(query="Vocês têm vaga para trabalhar no horário da noite?")
    )

    assert not found.accepted


async def test_nothing_is_found_for_a_message_without_words(session: Session) -> None:
    await entry(session)

    found = await search.search(session, INTELLIGENCE, pb.SearchRequest(query="👍"))

    assert not found.hits
    assert not found.accepted
