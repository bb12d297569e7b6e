"""A conversation as the tasks read it: through messaging, which decides who may see it."""

from protos.messaging_pb2 import ConversationContext, GetContextRequest, Message
from services.intelligence import peers, threads


async def read(
    id: str, limit: int, *, inbound_only: bool = False, message: str | None = None
) -> ConversationContext:
    """With `message`, the conversation that it is in now: this one may have become part of another."""
    request = GetContextRequest(
        conversation_id=id, limit=limit, inbound_only=inbound_only, message_id=message or ""
    )
    return await peers.messaging.GetContext(request, timeout=3.0)


def worded(context: ConversationContext) -> list[Message]:
    """The messages that say something, oldest first."""
    return [message for message in context.messages if threads.has_words(message)]


def transcript(messages: list[Message]) -> str:
    """Who said what, one line each. Line breaks inside a message cannot pass for another speaker."""
    return "\n".join(f"{speaker(one)}: {' '.join(threads.text_of(one).split())}" for one in messages)


def speaker(message: Message) -> str:
    if threads.by_customer(message):
        return "Cliente"
    return "Assistente" if message.origin == "ai" else "Atendente"


def sector(context: ConversationContext) -> str | None:
    conversation = context.conversation
    return conversation.sector_id if conversation.HasField("sector_id") else None
