"""A person asks what the AI agent would say: a dry run."""

import pytest

from protos import intelligence_pb2 as pb
from services.intelligence import llm, replies
from services.kit.db import Database
from services.kit.errors import NotFound
from services.kit.tables import new_id
from tests.fakes.groq import Groq
from tests.intelligence.builders import announced, configure, knows, open_chat, reply
from tests.intelligence.desk import Desk
from tests.support import MARIA

QUESTION = "Qual o horário de atendimento?"
HOURS = "Atendemos de segunda a sexta, das 8h às 18h."


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"mode": "human"}, "human_mode"),
        ({"is_group": True}, "group_conversation"),
        ({"status": "closed"}, "conversation_closed"),
    ],
)
async def test_a_person_who_asks_is_told_why_there_is_no_answer(
    db: Database, desk: Desk, given: dict[str, str], reason: str
) -> None:
    chat = await open_chat(db, desk, **given)
    chat.says(QUESTION)

    shown = await replies.respond(db, MARIA, pb.RespondRequest(conversation_id=chat.id))

    assert (shown.skipped, shown.reason) == (True, reason)


async def test_an_unknown_conversation_is_not_found(db: Database, desk: Desk) -> None:
    with pytest.raises(NotFound):
        await replies.respond(db, MARIA, pb.RespondRequest(conversation_id=new_id()))


async def test_a_preview_shows_the_draft_and_changes_nothing(
    db: Database, databases: dict[str, Database], desk: Desk
) -> None:
    chat = await open_chat(db, desk)
    entry = await knows(databases, chat, QUESTION, HOURS)
    chat.says(QUESTION)

    shown = await replies.respond(db, MARIA, pb.RespondRequest(conversation_id=chat.id))

    assert (shown.response, shown.should_send, shown.sent, shown.degraded) == (HOURS, True, False, True)
    assert [used.id for used in shown.used_knowledge] == [entry]
    assert chat.heard == []
    assert await announced(db, chat.id) == []


async def test_a_preview_recommends_a_person_and_still_shows_the_draft(
    db: Database, databases: dict[str, Database], desk: Desk
) -> None:
    chat = await open_chat(db, desk)
    await knows(databases, chat, QUESTION, HOURS)
    chat.says("Qual o horário de atendimento do atendente?")

    shown = await replies.respond(db, MARIA, pb.RespondRequest(conversation_id=chat.id))

    assert (shown.response, shown.should_send) == (HOURS, False)
    assert (shown.escalation_recommended, shown.escalation_reason) == (True, "keyword_match")


async def test_a_preview_outside_working_hours_says_so(
    db: Database, databases: dict[str, Database], desk: Desk
) -> None:
    chat = await open_chat(db, desk)
    await configure(db, chat, working_days=[])
    await knows(databases, chat, QUESTION, HOURS)
    chat.says(QUESTION)

    shown = await replies.respond(db, MARIA, pb.RespondRequest(conversation_id=chat.id))

    assert (shown.response, shown.outside_hours, shown.should_send) == (HOURS, True, False)


async def test_a_preview_without_model_or_entry_says_how_to_mend_it(db: Database, desk: Desk) -> None:
    chat = await open_chat(db, desk)
    chat.says("Vocês entregam em Manaus?")

    with pytest.raises(llm.AiNotConfigured) as refused:
        await replies.respond(db, MARIA, pb.RespondRequest(conversation_id=chat.id))

    assert refused.value.code == "ai_not_configured"
    assert "GROQ_API_KEY" in str(refused.value.details["mend"])


async def test_a_preview_without_words_still_says_that_a_person_is_wished_for(
    db: Database, groq: Groq, desk: Desk
) -> None:
    chat = await open_chat(db, desk)
    chat.says("Isso eu só trato com gente")
    groq.always = reply("", shouldEscalate=True, escalationReason="customer_request")

    shown = await replies.respond(db, MARIA, pb.RespondRequest(conversation_id=chat.id))

    assert (shown.success, shown.response, shown.should_send) == (True, "", False)
    assert shown.escalation_reason == "customer_request"
