"""What intelligence makes of a conversation is seen in the inbox."""

from protos.intelligence_pb2 import ConversationCategorized, SentimentAnalyzed
from services.kit.db import Database, Session
from services.kit.tables import new_id
from services.messaging import judgements
from tests.messaging.builders import inbox, make_instance, written_by
from tests.support import emitted

MARIA = "5511988880001"


async def test_the_inbox_shows_how_a_customer_feels_and_what_it_is_about(db: Database) -> None:
    name = f"loja-{new_id()}"
    instance = await make_instance(db, name)
    await written_by(db, name, MARIA)
    [conversation] = await inbox(db, instance_id=instance)

    async with db.begin() as session:
        feeling = SentimentAnalyzed(conversation_id=conversation.id, sentiment="negative")
        await judgements.note_feeling(session, feeling)
        category = ConversationCategorized(
            conversation_id=conversation.id, category="support", subcategory="delivery"
        )
        await judgements.note_category(session, category)

    [shown] = await inbox(db, instance_id=instance)
    assert (shown.current_sentiment, shown.category) == ("negative", "support")
    assert [one.id for one in await inbox(db, instance_id=instance, category="support")] == [conversation.id]


async def test_a_judgement_that_changes_nothing_is_no_news(db: Database, session: Session) -> None:
    name = f"loja-{new_id()}"
    instance = await make_instance(db, name)
    await written_by(db, name, MARIA)
    [conversation] = await inbox(db, instance_id=instance)
    feeling = SentimentAnalyzed(conversation_id=conversation.id, sentiment="positive")
    before = len(await emitted(session))

    await judgements.note_feeling(session, feeling)
    await judgements.note_feeling(session, feeling)

    assert (await emitted(session))[before:] == ["messaging.conversation_updated"]
