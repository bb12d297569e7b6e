"""Entries for the knowledge base, from what people told customers. They wait for somebody to verify them."""

from protos import intelligence_pb2 as pb
from protos.knowledge_pb2 import ManageEntryRequest, NewEntry
from services.intelligence import capabilities, conversations, outputs, peers, privacy, tasks
from services.intelligence.providers import Answer
from services.kit.actor import Actor
from services.kit.db import Database
from services.kit.errors import Invalid

MESSAGES = 100


class NothingToExtract(Invalid):
    """No person has answered in this conversation"""

    code = "no_messages"


async def extract(
    db: Database, actor: Actor, request: pb.ExtractKnowledgeRequest
) -> pb.ExtractKnowledgeResponse:
    context = await conversations.read(request.conversation_id, MESSAGES)
    messages = conversations.worded(context)
    if not any(message.origin in ("human", "phone") for message in messages):
        raise NothingToExtract

    async def by_model() -> tuple[outputs.Facts, Answer]:
        ask = tasks.ask(
            "knowledge_extraction",
            tasks.EXTRACT,
            conversations.transcript(messages),
            temperature=0.3,
            max_tokens=1000,
            kind=outputs.Facts,
            conversation_id=request.conversation_id,
        )
        return await outputs.ask_for(db, outputs.Facts, ask)

    facts, answer = await capabilities.served("knowledge_extraction", by_model)
    entries = [
        NewEntry(category=item.category[:100], question=item.question[:1000], answer=item.answer[:10_000])
        for item in facts.items
        if item.question.strip() and _is_about_nobody(item)
    ]
    if not entries:
        return pb.ExtractKnowledgeResponse(success=True, confidence=facts.confidence, model=answer.model)
    stored = await peers.knowledge.ManageEntry(
        ManageEntryRequest(entries=entries, source="conversation"), timeout=20.0
    )
    return pb.ExtractKnowledgeResponse(
        success=True,
        extracted=stored.imported,
        entry_ids=[result.id for result in stored.results if result.success],
        confidence=facts.confidence,
        model=answer.model,
    )


def _is_about_nobody(fact: outputs.OneFact) -> bool:
    said = f"{fact.question}\n{fact.answer}"
    return privacy.masked(said) == said
