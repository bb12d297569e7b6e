"""What people think of answers changes the answers to come."""

from datetime import timedelta
from typing import Any

import pytest

from protos import intelligence_pb2 as pb
from services.intelligence import examples, feedback, replies, templates
from services.kit.clock import now
from services.kit.db import Database
from services.kit.errors import Forbidden
from services.kit.tables import new_id
from tests.fakes.groq import Groq
from tests.intelligence.builders import announced, configure, reply
from tests.intelligence.desk import Chat, Desk
from tests.support import MARIA, SUPERVISOR

QUESTION = "Vocês fazem entrega no sábado?"
SECTOR = new_id()
POOR = "Acho que sim."
BETTER = "Entregamos aos sábados até as 13h."


async def answered(db: Database, desk: Desk, groq: Groq, text: str = POOR) -> tuple[Chat, str]:
    """A conversation that the AI has answered, and the id of its answer's log."""
    chat = desk.chat(sector_id=SECTOR)
    await configure(db, chat)
    groq.always = reply(text)
    await replies.answer(db, chat.says(QUESTION))
    async with db.read() as session:
        log = await session.scalar("select id from ai_agent_logs where conversation_id = %(id)s", id=chat.id)
    return chat, str(log)


async def learn(db: Database, chat: Chat, actor: object = MARIA, **said: object) -> pb.LearnResponse:
    return await feedback.learn(db, actor, pb.LearnRequest(conversation_id=chat.id, **said))  # type: ignore[arg-type]


async def referenced(db: Database, id: str) -> int:
    async with db.read() as session:
        count = await session.scalar(
            "select times_referenced from learning_examples where id = %(id)s", id=id
        )
    return int(count)


async def test_a_correction_is_in_the_next_prompt_and_its_claims_may_be_said(
    db: Database, groq: Groq, desk: Desk
) -> None:
    chat, log = await answered(db, desk, groq)
    told = await learn(db, chat, log_id=log, corrected_response=BETTER, rating=1)

    next_chat, _ = await answered(db, desk, groq, BETTER)

    assert BETTER not in groq.prompts[0]
    assert BETTER in groq.prompts[1]
    assert next_chat.heard == [BETTER]
    assert await referenced(db, told.learning_example_id) == 1


async def test_control_without_the_correction_the_same_answer_is_not_sent(
    db: Database, groq: Groq, desk: Desk
) -> None:
    chat, _ = await answered(db, desk, groq, BETTER)

    assert BETTER not in chat.heard


async def test_an_agent_that_does_not_learn_from_people_is_not_told(
    db: Database, groq: Groq, desk: Desk
) -> None:
    chat, log = await answered(db, desk, groq)
    await learn(db, chat, log_id=log, corrected_response=BETTER)
    await configure(db, chat, learn_from_agents=False)

    await replies.answer(db, chat.says(QUESTION))

    assert BETTER not in groq.prompts[-1]


async def test_what_is_given_again_replaces_what_was_given(db: Database, groq: Groq, desk: Desk) -> None:
    chat, log = await answered(db, desk, groq)

    first = await learn(db, chat, log_id=log, rating=5)
    second = await learn(db, chat, log_id=log, rating=2, feedback="Vago")

    assert first.feedback_id == second.feedback_id
    async with db.read() as session:
        row = await session.first(
            "select rating, feedback_type, comment from ai_response_feedback where id = %(id)s",
            id=second.feedback_id,
        )
    assert row is not None
    assert (row.rating, row.feedback_type, row.comment) == (2, "incorrect", "Vago")


@pytest.mark.parametrize(
    ("rating", "kind", "learned"),
    [(5, "perfect", 1.0), (4, "helpful", 0.8), (3, "incomplete", None), (2, "incorrect", None)],
)
async def test_a_good_mark_makes_an_example_and_names_the_kind(
    db: Database, groq: Groq, desk: Desk, rating: int, kind: str, learned: float | None
) -> None:
    chat, log = await answered(db, desk, groq)

    told = await learn(db, chat, log_id=log, rating=rating)

    async with db.read() as session:
        found = await session.scalar(
            "select feedback_type from ai_response_feedback where id = %(id)s", id=told.feedback_id
        )
        quality = await session.scalar("select quality_score from learning_examples")
    assert (found, quality) == (kind, learned)
    assert "feedback_recorded" in await announced(db, chat.id)


async def test_a_better_correction_replaces_the_first_and_a_poor_mark_the_good_one(
    db: Database, groq: Groq, desk: Desk
) -> None:
    chat, log = await answered(db, desk, groq)
    judgements: list[dict[str, Any]] = [
        {"rating": 5},
        {"corrected_response": "Sim, entregamos."},
        {"corrected_response": BETTER},
        {"rating": 1},
    ]

    taught = []
    for judgement in judgements:
        await learn(db, chat, log_id=log, **judgement)
        async with db.read() as session:
            rows = await session.all("select ideal_response from learning_examples")
        taught.append([row.ideal_response for row in rows])

    assert taught == [[POOR], ["Sim, entregamos."], [BETTER], []]


async def test_a_colleagues_correction_stays(db: Database, groq: Groq, desk: Desk) -> None:
    chat, log = await answered(db, desk, groq)
    await learn(db, chat, log_id=log, corrected_response=BETTER)

    await learn(db, chat, SUPERVISOR, log_id=log, rating=1)

    async with db.read() as session:
        assert await session.scalar("select ideal_response from learning_examples") == BETTER


@pytest.mark.parametrize(
    ("judgement", "kind"),
    [({"corrected_response": BETTER}, "incorrect"), ({"feedback": "Ficou longo demais"}, None)],
)
async def test_without_a_mark_a_correction_says_that_it_was_wrong_and_a_comment_says_neither(
    db: Database, groq: Groq, desk: Desk, judgement: dict[str, str], kind: str | None
) -> None:
    chat, log = await answered(db, desk, groq)

    told = await learn(db, chat, log_id=log, **judgement)

    async with db.read() as session:
        found = await session.scalar(
            "select feedback_type from ai_response_feedback where id = %(id)s", id=told.feedback_id
        )
    assert found == kind


async def test_nothing_said_is_no_feedback(db: Database, groq: Groq, desk: Desk) -> None:
    chat, log = await answered(db, desk, groq)

    with pytest.raises(feedback.NothingToLearn):
        await learn(db, chat, log_id=log)
    with pytest.raises(feedback.AnswerNotFound):
        await learn(db, chat, log_id=chat.id, rating=5)


async def test_a_persons_answer_is_marked_as_good_once(db: Database, desk: Desk) -> None:
    chat = desk.chat()
    chat.says("Aceitam Pix?")
    good = chat.hears("Aceitamos, sim!")

    first = await learn(db, chat, action="mark_good", message_id=good.id)
    again = await learn(db, chat, action="mark_good", message_id=good.id)

    assert first.example.id == again.example.id
    assert (first.example.input_context, first.example.ideal_response) == ("Aceitam Pix?", "Aceitamos, sim!")
    assert first.example.quality_score == 1.0


async def test_only_an_answer_to_a_customer_can_be_marked_as_good(db: Database, desk: Desk) -> None:
    chat = desk.chat()
    opening = chat.hears("Olá, temos novidades!")
    question = chat.says("Quais?")

    with pytest.raises(feedback.NothingPrecedes):
        await learn(db, chat, action="mark_good", message_id=opening.id)
    with pytest.raises(feedback.MessageNotFound):
        await learn(db, chat, action="mark_good", message_id=question.message_id)


async def test_learning_in_bulk_is_for_those_who_lead(db: Database, desk: Desk) -> None:
    for action in ("analyze", "learn_from_feedback", "find_patterns"):
        with pytest.raises(Forbidden):
            await learn(db, desk.chat(), action=action)


async def test_a_conversation_teaches_only_what_a_person_said_in_it(
    db: Database, groq: Groq, desk: Desk
) -> None:
    chat = desk.chat()
    for asked, said in (("Aceitam Pix?", "Aceitamos, sim!"), ("Obrigado", "Por nada, até logo!")):
        chat.says(asked)
        chat.hears(said)
    desk.won.add(chat.id)
    lesson = {
        "inputContext": "Aceitam Pix?",
        "scenarioType": "support",
        "tags": ["pix"],
        "reasoning": "",
        "qualityScore": 0.9,
    }
    groq.always = {
        "examples": [
            lesson | {"idealResponse": "Aceitamos, sim!"},
            lesson | {"idealResponse": "Frase inventada."},
        ],
        "overallQuality": 0.9,
        "keyTechniques": ["clareza"],
    }

    told = await learn(db, chat, SUPERVISOR, action="analyze")

    again = await learn(db, chat, SUPERVISOR, action="analyze")

    assert (told.examples_saved, [*told.key_techniques]) == (1, ["clareza"])
    assert again.examples_saved == 0
    async with db.read() as session:
        (row,) = await session.all("select ideal_response, lead_converted from learning_examples")
    assert (row.ideal_response, row.lead_converted) == ("Aceitamos, sim!", True)


async def test_patterns_need_enough_good_examples(db: Database, groq: Groq, desk: Desk) -> None:
    groq.always = {"patterns": [], "commonTechniques": ["empatia"], "suggestedTemplates": []}
    chat = desk.chat()

    few = await learn(db, chat, SUPERVISOR, action="find_patterns")
    for number in range(5):
        async with db.begin() as session:
            request = pb.CreateExampleRequest(input_context=f"Pergunta {number}", ideal_response="Resposta")
            await examples.create(session, SUPERVISOR, request)
    enough = await learn(db, chat, SUPERVISOR, action="find_patterns")

    assert (few.success, few.reason) == (False, "insufficient_examples")
    assert (enough.examples_analyzed, [*enough.common_techniques]) == (5, ["empatia"])


async def test_poor_examples_go_out_of_use_after_two_months(db: Database, desk: Desk) -> None:
    async with db.begin() as session:
        for quality in (0.2, 0.9):
            await examples.create(
                session,
                SUPERVISOR,
                pb.CreateExampleRequest(input_context="?", ideal_response="!", quality_score=quality),
            )
        await session.run("update learning_examples set created_at = %(at)s", at=now() - timedelta(days=61))

    await examples.tidy(db)

    async with db.read() as session:
        rows = await session.all("select quality_score from learning_examples where is_active")
    assert [row.quality_score for row in rows] == [0.9]


async def test_a_template_is_suggested_counted_and_rated_by_the_answers_that_used_it(
    db: Database, groq: Groq, desk: Desk
) -> None:
    async with db.begin() as session:
        for name, pattern in (("Entrega", "entrega"), ("Troca", "troca")):
            await templates.create(
                session,
                SUPERVISOR,
                pb.CreateTemplateRequest(
                    name=name, template_content=f"Modelo de {pattern}.", trigger_patterns=[pattern]
                ),
            )
    chat, log = await answered(db, desk, groq)
    await learn(db, chat, log_id=log, rating=5)

    await templates.rate(db)

    assert "Modelo de entrega." in groq.prompts[0]
    assert "Modelo de troca." not in groq.prompts[0]
    async with db.read() as session:
        rows = await session.all(
            "select name, usage_count, success_rate from response_templates order by name"
        )
    assert [(row.name, row.usage_count, row.success_rate) for row in rows] == [
        ("Entrega", 1, 1.0),
        ("Troca", 0, None),
    ]
