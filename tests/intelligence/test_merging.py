"""Two conversations turn out to be with one customer."""

import pytest

from protos import intelligence_pb2 as pb
from services.intelligence import categories, feedback, merging, replies, sentiment, summaries, turns
from services.kit.db import Database, Row
from services.kit.errors import NotFound
from services.kit.tables import new_id
from tests.fakes.groq import Groq
from tests.intelligence.builders import actions, announced, knows, open_chat, reply
from tests.intelligence.desk import Chat, Desk
from tests.support import MARIA

QUESTION = "Qual o horário de atendimento?"
HOURS = "Atendemos de segunda a sexta, das 8h às 18h."


async def two_chats(db: Database, desk: Desk) -> tuple[Chat, Chat]:
    """The one that stays and the one that will be gone."""
    gone = await open_chat(db, desk)
    return await open_chat(db, desk, sector_id=gone.sector_id), gone


async def rows_of(db: Database, table: str, conversation: str) -> list[Row]:
    async with db.read() as session:
        return await session.all(f"select * from {table} where conversation_id = %(id)s", id=conversation)


async def counts(db: Database, conversation: str) -> dict[str, int]:
    return {
        table: len(await rows_of(db, table, conversation))
        for table in (*merging.MOVED, "sentiment_analyses", "ai_agent_sessions")
    }


async def test_all_that_is_known_of_a_conversation_follows_it(
    db: Database, databases: dict[str, Database], desk: Desk
) -> None:
    kept, gone = await two_chats(db, desk)
    await knows(databases, gone, QUESTION, HOURS)
    await replies.answer(db, gone.says(QUESTION))
    (log,) = await rows_of(db, "ai_agent_logs", gone.id)
    judged = pb.LearnRequest(conversation_id=gone.id, log_id=log.id, rating=5)
    await feedback.learn(db, MARIA, judged)
    gone.says("Muito obrigada, adorei")
    gone.says("Vocês são ótimos")
    await sentiment.analyze(db, MARIA, pb.AnalyzeSentimentRequest(conversation_id=gone.id))
    await categories.categorize(db, MARIA, pb.CategorizeConversationRequest(id=gone.id))
    await summaries.summarize(db, MARIA, pb.SummarizeConversationRequest(id=gone.id))
    before = await counts(db, gone.id)

    event = desk.merge(kept, gone)
    for _ in range(2):
        await merging.follow(db, event)

    assert await counts(db, kept.id) == before
    assert set(before.values()) == {1}
    assert set((await counts(db, gone.id)).values()) == {0}
    for table in merging.RENAMED:
        assert [one.contact_id for one in await rows_of(db, table, kept.id)] == [kept.contact_id]


async def test_of_two_feelings_the_newer_is_the_customers_and_both_stay_in_the_story(
    db: Database, desk: Desk
) -> None:
    kept, gone = await two_chats(db, desk)
    for chat, text in ((kept, "Péssimo, quero meu dinheiro de volta"), (gone, "Adorei, muito obrigada")):
        for _ in range(3):
            chat.says(text)
        await sentiment.analyze(db, MARIA, pb.AnalyzeSentimentRequest(conversation_id=chat.id))

    await merging.follow(db, desk.merge(kept, gone))

    assert [one.sentiment for one in await rows_of(db, "sentiment_analyses", kept.id)] == ["positive"]
    assert len(await rows_of(db, "sentiment_history", kept.id)) == 2


async def test_of_two_sessions_one_stays_that_knows_what_was_said_in_either(
    db: Database, databases: dict[str, Database], desk: Desk
) -> None:
    kept, gone = await two_chats(db, desk)
    await knows(databases, gone, QUESTION, HOURS)
    await replies.answer(db, kept.says(QUESTION))
    for _ in range(2):
        await replies.answer(db, gone.says(QUESTION))

    await merging.follow(db, desk.merge(kept, gone))

    (session,) = await rows_of(db, "ai_agent_sessions", kept.id)
    assert session.auto_reply_count == 2
    logs = await rows_of(db, "ai_agent_logs", kept.id)
    assert [one.session_id for one in logs] == [session.id] * 3


async def test_an_escalation_of_the_one_that_is_gone_does_not_silence_the_ai_for_ever(
    db: Database, databases: dict[str, Database], desk: Desk
) -> None:
    kept, gone = await two_chats(db, desk)
    await knows(databases, kept, QUESTION, HOURS)
    await replies.answer(db, gone.says("Quero falar com uma pessoa real"))

    await merging.follow(db, desk.merge(kept, gone))
    await replies.answer(db, kept.says(QUESTION))

    assert kept.heard[-1] == HOURS


@pytest.mark.parametrize("told_first", [True, False])
async def test_a_message_is_answered_where_it_is_now_and_once(
    db: Database, databases: dict[str, Database], desk: Desk, *, told_first: bool
) -> None:
    kept, gone = await two_chats(db, desk)
    await knows(databases, kept, QUESTION, HOURS)
    event = gone.says(QUESTION)
    merged = desk.merge(kept, gone)
    if told_first:
        await merging.follow(db, merged)

    for _ in range(2):
        await replies.answer(db, event)
    await merging.follow(db, merged)

    assert kept.heard == [HOURS]
    assert ("response_sent", None) in await actions(db, kept)
    assert await rows_of(db, "ai_agent_logs", gone.id) == []


async def test_what_was_answered_before_is_not_answered_again_where_it_is_now(
    db: Database, databases: dict[str, Database], desk: Desk
) -> None:
    kept, gone = await two_chats(db, desk)
    await knows(databases, gone, QUESTION, HOURS)
    event = gone.says(QUESTION)
    await replies.answer(db, event)
    desk.merge(kept, gone)
    kept.messages = [one for one in kept.messages if not one.is_from_me]  # as if it were still on its way

    await replies.answer(db, event)

    assert kept.heard == []


async def test_a_turn_in_hand_is_finished_with_the_same_words_where_its_message_is_now(
    db: Database, groq: Groq, desk: Desk
) -> None:
    kept, gone = await two_chats(db, desk)
    event = gone.says(QUESTION)
    turn = await turns.heard(db, event)
    await merging.follow(db, desk.merge(kept, gone))
    groq.always = reply("Primeira resposta.")
    with pytest.raises(NotFound):
        await replies.execute(db, turn)

    groq.always = reply("Outra resposta.")
    await replies.answer(db, event)

    assert kept.heard == ["Primeira resposta."]
    assert await actions(db, kept) == [("response_sent", None)]


async def test_a_person_is_called_to_where_the_message_is_now(db: Database, desk: Desk) -> None:
    kept, gone = await two_chats(db, desk)
    event = gone.says("Quero falar com uma pessoa real")
    turn = await turns.heard(db, event)
    desk.merge(kept, gone)
    with pytest.raises(NotFound):
        await replies.execute(db, turn)

    await replies.answer(db, event)

    assert await announced(db, kept.id) == ["escalation_requested"]
    assert await announced(db, gone.id) == []


async def test_feelings_and_topics_of_a_message_are_told_of_where_it_is_now(db: Database, desk: Desk) -> None:
    kept, gone = await two_chats(db, desk)
    events = [gone.says("Péssimo, quero meu dinheiro de volta") for _ in range(5)]
    desk.merge(kept, gone)

    await sentiment.follow(db, events[-1])
    await categories.follow(db, events[-1])

    assert await announced(db, kept.id) == ["sentiment_analyzed", "conversation_categorized"]


async def test_only_what_was_heard_leads_from_one_conversation_to_another(db: Database, desk: Desk) -> None:
    """Whoever asks for a draft may name any ids."""
    other = await open_chat(db, desk)
    message = other.says(QUESTION)
    named = pb.RespondRequest(conversation_id=new_id(), message_id=message.message_id)

    with pytest.raises(NotFound):
        await replies.respond(db, MARIA, named)
