"""What people told customers, as entries that wait to be verified."""

from protos import intelligence_pb2 as pb
from services.intelligence import extraction
from services.kit.db import Database
from tests.fakes.groq import Groq
from tests.intelligence.desk import Desk
from tests.support import SUPERVISOR


async def test_what_people_told_customers_waits_in_the_knowledge_base_to_be_verified(
    db: Database, databases: dict[str, Database], groq: Groq, desk: Desk
) -> None:
    chat = desk.chat()
    chat.says("Vocês entregam em Niterói?")
    chat.hears("Entregamos em toda a região metropolitana.")
    fact = {"category": "faq", "subcategory": None, "question": "Onde vocês entregam?"}
    groq.always = {
        "items": [
            fact | {"answer": "Entregamos em toda a região metropolitana."},
            fact | {"question": "Quem comprou?", "answer": "O cliente de CPF 529.982.247-25."},
            fact | {"question": "De quem é o (11) 98765-4321?", "answer": "De um cliente."},
        ],
        "confidence": 0.9,
    }

    shown = await extraction.extract(db, SUPERVISOR, pb.ExtractKnowledgeRequest(conversation_id=chat.id))

    async with databases["knowledge"].read() as session:
        kept = await session.all("select question, source, is_verified from knowledge_base")
    assert shown.extracted == 1
    assert [tuple(row) for row in kept] == [("Onde vocês entregam?", "conversation", False)]


async def test_a_conversation_that_holds_no_facts_gives_no_entries(
    db: Database, groq: Groq, desk: Desk
) -> None:
    chat = desk.chat()
    chat.says("Bom dia")
    chat.hears("Bom dia!")
    groq.always = {"items": [], "confidence": 0.9}

    shown = await extraction.extract(db, SUPERVISOR, pb.ExtractKnowledgeRequest(conversation_id=chat.id))

    assert (shown.success, shown.extracted) == (True, 0)
