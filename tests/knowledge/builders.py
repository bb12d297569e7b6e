"""Entries as tests need them."""

from protos import knowledge_pb2 as pb
from services.kit.db import Session
from services.knowledge import edits
from tests.support import SUPERVISOR


async def entry(
    session: Session,
    question: str = "Qual o horário de atendimento?",
    answer: str = "De segunda a sexta, das 8h às 18h.",
    *,
    category: str = "faq",
    priority: int = 0,
    keywords: tuple[str, ...] = (),
) -> pb.Entry:
    request = pb.ManageEntryRequest(
        category=category, question=question, answer=answer, priority=priority, keywords=keywords
    )
    return (await edits.manage(session, SUPERVISOR, request)).entry
