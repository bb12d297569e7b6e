"""Keeping the knowledge base in order."""

from typing import Any

import pytest

from protos import intelligence_pb2
from protos import knowledge_pb2 as pb
from services.kit.actor import Actor
from services.kit.db import Database
from services.kit.errors import Unavailable
from services.kit.tables import new_id
from services.knowledge import edits, gaps, optimization, peers
from tests.knowledge.builders import aged, change, entry, shown
from tests.support import ADMIN


class Away:
    """Intelligence, when it cannot be reached."""

    async def CountLearning(self, request: Any, timeout: float) -> Any:
        raise Unavailable


@pytest.fixture(autouse=True)
def nobody_else() -> None:
    peers.intelligence = Away()  # type: ignore[assignment]


async def optimize(
    db: Database, *, apply: bool = False, actor: Actor = ADMIN
) -> pb.OptimizeKnowledgeResponse:
    return await optimization.optimize(db, actor, pb.OptimizeKnowledgeRequest(apply=apply))


def kinds(report: pb.OptimizeKnowledgeResponse) -> dict[str, tuple[int, bool]]:
    return {one.type: (one.count, one.applied) for one in report.optimizations}


async def asked(db: Database, *questions: str) -> None:
    for question in questions:
        event = intelligence_pb2.KnowledgeGapDetected(
            conversation_id=new_id(), message_id=new_id(), question=question
        )
        async with db.begin() as session:
            await gaps.note(session, event)


async def test_an_analysis_changes_nothing_and_is_recorded(db: Database) -> None:
    first = await entry(db, "Como funciona a troca?", category="policy")
    second = await entry(db, "Como funciona a troca?", category="script")

    report = await optimize(db)

    assert kinds(report) == {"duplicate": (2, False)}
    assert (report.total_entries, report.categories, report.applied) == (2, 2, False)
    assert (await shown(db, first.id)).is_active
    assert (await shown(db, second.id)).is_active
    async with db.read() as session:
        row = await session.first(
            "select id, optimization_type, performed_by from knowledge_optimization_log"
        )
    assert row is not None
    assert (row.id, row.optimization_type, row.performed_by) == (report.log_id, "analysis", ADMIN.id)


async def test_the_same_question_is_merged_into_the_best_entry(db: Database) -> None:
    weak = await entry(db, "Como funciona a troca?", category="policy", keywords=["troca", "etiqueta"])
    best = await entry(db, "Como funciona a troca?", category="script", keywords=["devolver"], priority=5)
    await aged(db, weak.id, days=1, uses=3)

    report = await optimize(db, apply=True)

    assert kinds(report)["duplicate"] == (2, True)
    kept = await shown(db, best.id)
    assert (kept.use_count, {*kept.keywords}) == (3, {"troca", "etiqueta", "devolver"})
    assert not (await shown(db, weak.id)).is_active


async def test_what_a_person_verified_is_never_taken_out_of_use(db: Database) -> None:
    first = await entry(db, "Como funciona a troca?", category="policy", is_verified=True)
    second = await entry(db, "Como funciona a troca?", category="script", is_verified=True, priority=9)

    await optimize(db, apply=True)

    assert (await shown(db, first.id)).is_active
    assert (await shown(db, second.id)).is_active


async def test_entries_that_say_the_same_in_other_words_are_reported_and_kept(db: Database) -> None:
    first = await entry(db, "Quais as formas de pagamento?", "Pix, cartão e boleto.")
    second = await entry(db, "Como posso pagar?", "Aceitamos Pix, cartão e boleto.")
    await entry(db, "Qual o prazo de entrega?", "Cinco dias úteis.")

    report = await optimize(db, apply=True)

    assert kinds(report) == {"duplicate": (2, False)}
    assert {*report.optimizations[0].entry_ids} == {first.id, second.id}
    assert (await shown(db, second.id)).is_active


async def test_unused_stale_and_much_used_entries_change_their_confidence(db: Database) -> None:
    unused = await entry(db, "Um cachorro pode entrar?", "Pode.")
    stale = await entry(db, "Qual o prazo de entrega?", "Cinco dias.")
    loved = await entry(db, "Aceita Pix?", "Sim.")
    await aged(db, unused.id, days=31)
    await aged(db, stale.id, days=61, uses=2)
    await aged(db, loved.id, days=1, uses=11)
    async with db.begin() as session:
        await session.run("update knowledge_base set confidence_score = 0.8 where id = %(id)s", id=loved.id)

    for _ in range(2):
        await optimize(db, apply=True)

    assert (await shown(db, unused.id)).confidence_score == 0.5
    assert (await shown(db, stale.id)).confidence_score == pytest.approx(0.8)
    assert (await shown(db, loved.id)).confidence_score == pytest.approx(0.9)


async def test_open_questions_are_gathered_by_meaning(db: Database) -> None:
    await asked(db, "Vocês têm estacionamento?", "voces tem estacionamento", "tem estacionamento aí?")
    await asked(db, "Fazem entrega no domingo?")

    report = await optimize(db)

    assert (report.gaps[0].question, report.gaps[0].occurrences) == ("Vocês têm estacionamento?", 3)
    assert kinds(report) == {"gap": (2, False)}


async def test_a_question_that_got_its_entry_is_open_no_more(db: Database) -> None:
    await asked(db, "Vocês têm estacionamento?", "Fazem entrega no domingo?")
    answer = await entry(db, "Tem onde estacionar?", "Sim, o estacionamento é gratuito.")

    async with db.begin() as session:
        await gaps.resolve(session, pb.EntryCreated(entry_id=answer.id))
    report = await optimize(db)

    assert [one.question for one in report.gaps] == ["Fazem entrega no domingo?"]


async def test_a_question_that_is_asked_in_vain_again_is_open_again(db: Database) -> None:
    await asked(db, *["Vocês têm estacionamento?"] * 3)
    answer = await entry(db, "Tem onde estacionar?", "Sim, o estacionamento é gratuito.")
    async with db.begin() as session:
        await gaps.resolve(session, pb.EntryCreated(entry_id=answer.id))
        await edits.remove(session, ADMIN, pb.DeleteEntryRequest(id=answer.id))

    await asked(db, "Vocês têm estacionamento?")
    report = await optimize(db)

    assert [(one.question, one.occurrences) for one in report.gaps] == [("Vocês têm estacionamento?", 1)]


async def test_one_optimisation_runs_at_a_time(db: Database) -> None:
    async with db.begin() as session:
        await session.scalar(optimization.LOCK)

        with pytest.raises(optimization.OptimizationRuns):
            await optimize(db)


async def test_the_coverage_counts_entries_learning_and_verification(db: Database) -> None:
    await entry(db, is_verified=True)
    async with db.read() as session:
        rows = await session.all(optimization.ENTRIES, sector=None)

    learning = intelligence_pb2.CountLearningResponse(templates=5, examples=20)

    assert optimization.coverage(rows, learning) == 1.5 + 15 + 20 + 20
    assert optimization.coverage([], intelligence_pb2.CountLearningResponse()) == 0


async def test_a_sector_is_optimised_by_itself(db: Database) -> None:
    sector = new_id()
    await entry(db, "Um?", sector_id=sector)
    await entry(db, "Dois?")

    report = await optimization.optimize(db, ADMIN, pb.OptimizeKnowledgeRequest(sector_id=sector))

    assert report.total_entries == 1


async def test_entries_that_lost_their_keywords_get_new_ones(db: Database) -> None:
    created = await entry(db, "Qual o prazo de entrega?", "Cinco dias.")
    async with db.begin() as session:
        await session.run("update knowledge_base set keywords = '{}', keywords_norm = ''")

    report = await optimize(db, apply=True)

    assert kinds(report) == {"missing_keywords": (1, True)}
    assert "entrega" in (await shown(db, created.id)).keywords
    assert (await change(db, created.id, priority=3)).version == 1
